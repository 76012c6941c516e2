"""Heads of answers that are unusual and still HTTP: nothing is bought twice for them."""

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
    "bfl": (lambda account: BflProvider(account, SteppingClock()), "flux-dev"),
    "fal": (lambda account: FalProvider(account, SteppingClock()), "fal-ai/flux/dev"),
    "replicate": (lambda account: ReplicateProvider(account, SteppingClock()), "black-forest-labs/flux-dev"),
    "midjourney": (lambda account: MidjourneyProvider(account, SteppingClock()), "midjourney"),
}
FAULTS = [
    Fault(FaultKind.LONG_HEADER, times=None),
    Fault(FaultKind.LONG_HEADER, on="poll", times=None),
    Fault(FaultKind.LONG_HEADER, on="delivery", times=None),
    Fault(FaultKind.LONG_HEADER, on="delivery", times=None, value=60_000),
    Fault(FaultKind.ENCODED, on="delivery", times=None),
    Fault(FaultKind.ENCODED, on="delivery", times=None, how="identity"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.on}-{fault.value}-{fault.how}")
@pytest.mark.parametrize("vendor", OPEN)
async def test_an_odd_head_is_taken_and_nothing_is_bought_twice(
    emulators: Vendors, tmp_path: Path, vendor: str, fault: Fault
) -> None:
    make, upstream = OPEN[vendor]
    hosts = emulators.emulator("bfl").environment()["BFL_POLLING_HOSTS"]
    options = {"polling_hosts": [hosts]} if vendor == "bfl" else {}
    provider = make(VendorAccount(emulators.base_url(vendor), emulators.key(vendor), options))
    emulators.faults(vendor).add(fault)

    result = await run_order(provider, order(tmp_path, upstream, options={"pick": "crop"} if "mid" in vendor else {}))
    await provider.close()

    assert content_of(result.delivered)
    assert len(emulators.purchases(vendor)) == 1
