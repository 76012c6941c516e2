"""A vendor that for a while does not know a job that was bought."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fakes import content_of
from integration.providers.order_runner import SteppingClock, order, run_order
from limner.ports.provider import Provider, VendorAccount
from limner.providers.bfl import BflProvider
from limner.providers.fal import FalProvider
from limner.providers.midjourney import MidjourneyProvider
from limner.providers.replicate import ReplicateProvider
from limner_vendors import Fault, FaultKind, Vendors

OPEN: dict[str, tuple[Callable[[VendorAccount], Provider], str]] = {
    "bfl": (lambda account: BflProvider(account, SteppingClock(step_s=100)), "flux-dev"),
    "fal": (lambda account: FalProvider(account, SteppingClock(step_s=100)), "fal-ai/flux/dev"),
    "replicate": (lambda account: ReplicateProvider(account, SteppingClock(step_s=100)), "black-forest-labs/flux-dev"),
    "midjourney": (lambda account: MidjourneyProvider(account, SteppingClock(step_s=100)), "midjourney"),
}


@pytest.mark.parametrize("vendor", OPEN)
@pytest.mark.parametrize("at", [1, 2], ids=["from the start", "after a good answer"])
async def test_a_404_to_a_poll_long_after_the_order_buys_nothing_again(
    emulators: Vendors, tmp_path: Path, vendor: str, at: int
) -> None:
    make, upstream = OPEN[vendor]
    hosts = emulators.emulator("bfl").environment()["BFL_POLLING_HOSTS"]
    options = {"polling_hosts": [hosts]} if vendor == "bfl" else {}
    provider = make(VendorAccount(emulators.base_url(vendor), emulators.key(vendor), options))
    emulators.faults(vendor).add(Fault(FaultKind.STATUS, on="poll", value=404, at=at, times=3))

    followed = await run_order(provider, order(tmp_path, upstream, options={"pick": "crop"} if "mid" in vendor else {}))
    await provider.close()

    assert content_of(followed.delivered)
    assert len(emulators.purchases(vendor)) == 1
    assert emulators.purchases(vendor)[0].prompt.startswith("a red fox")
