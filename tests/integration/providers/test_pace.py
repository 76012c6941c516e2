"""How often a vendor is asked after a job is the operator's choice."""

from pathlib import Path

import pytest

from integration.providers.order_runner import order, poll_to_end
from limner.ports.provider import Accepted, Provider, VendorAccount
from limner.providers.bfl import BflProvider
from limner.providers.fal import FalProvider
from limner.providers.midjourney import MidjourneyProvider
from limner.providers.ray import RayProvider
from limner.providers.replicate import ReplicateProvider
from limner_vendors import Vendors

PROVIDERS: dict[str, tuple[type[Provider], str]] = {
    "bfl": (BflProvider, "flux-kontext-pro"),
    "fal": (FalProvider, "fal-ai/flux/dev"),
    "replicate": (ReplicateProvider, "black-forest-labs/flux-dev"),
    "midjourney": (MidjourneyProvider, "midjourney"),
    "ray": (RayProvider, "FLUX.1-dev"),
}


@pytest.mark.parametrize("vendor", PROVIDERS)
@pytest.mark.parametrize(("options", "waits"), [({"poll_s": 0.05}, {0.05}), ({}, {0.75, 2.5})])
async def test_the_time_between_two_questions_is_configuration(
    emulators: Vendors, tmp_path: Path, *, vendor: str, options: dict[str, float], waits: set[float]
) -> None:
    kind, upstream = PROVIDERS[vendor]
    polling = {"polling_hosts": [emulators.emulator("bfl").environment()["BFL_POLLING_HOSTS"]]}
    hosts = {} if vendor == "midjourney" else polling
    provider = kind(VendorAccount(emulators.base_url(vendor), emulators.key(vendor), hosts | options))  # type: ignore[call-arg]
    asked = order(tmp_path, upstream)

    accepted = await provider.submit(asked, lambda _: None)
    assert isinstance(accepted, Accepted)
    followed = await poll_to_end(provider, accepted.handle, asked)
    await provider.close()

    reported = {accepted.wait_s, *(each.wait_s for each in followed.pending)} - {0.0}
    assert len(reported) == 1
    assert reported <= waits
