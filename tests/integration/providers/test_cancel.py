"""A job that runs at a vendor is stopped there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from integration.providers.order_runner import SteppingClock, order
from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import Accepted, CancelsJobs, Provider, VendorAccount
from limner.providers.fal import FalProvider
from limner.providers.midjourney import MidjourneyProvider
from limner.providers.ray import RayProvider
from limner.providers.replicate import ReplicateProvider
from limner_vendors import Vendors

OPEN: dict[str, tuple[Callable[[VendorAccount], Provider], str]] = {
    "fal": (lambda account: FalProvider(account, SteppingClock()), "fal-ai/flux/dev"),
    "replicate": (lambda account: ReplicateProvider(account, SteppingClock()), "black-forest-labs/flux-dev"),
    "midjourney": (lambda account: MidjourneyProvider(account, SteppingClock()), "midjourney"),
    "ray": (lambda account: RayProvider(account, SteppingClock()), "FLUX.1-dev"),
}


@pytest.mark.parametrize("vendor", OPEN)
async def test_a_running_job_is_cancelled_at_the_vendor(emulators: Vendors, tmp_path: Path, vendor: str) -> None:
    make, upstream = OPEN[vendor]
    provider = make(VendorAccount(emulators.base_url(vendor), emulators.key(vendor)))
    asked = order(tmp_path, upstream)
    accepted = await provider.submit(asked, lambda _: None)
    assert isinstance(accepted, Accepted)
    assert isinstance(provider, CancelsJobs)

    cancellation = await provider.cancel(accepted.handle, asked)
    end = await provider.poll(accepted.handle, asked)
    await provider.close()

    assert cancellation.accepted, cancellation.detail
    assert [job.cancelled for job in emulators.emulator(vendor).jobs.all()] == [True]
    assert isinstance(end, Failure)
    assert end.kind is FailureKind.CANCELLED


@pytest.mark.parametrize("vendor", OPEN)
async def test_a_key_that_is_refused_is_no_cancellation(emulators: Vendors, tmp_path: Path, vendor: str) -> None:
    make, upstream = OPEN[vendor]
    provider = make(VendorAccount(emulators.base_url(vendor), emulators.key(vendor)))
    other_provider = make(VendorAccount(emulators.base_url(vendor), "another-key"))
    asked = order(tmp_path, upstream)
    accepted = await provider.submit(asked, lambda _: None)
    assert isinstance(accepted, Accepted)
    assert isinstance(other_provider, CancelsJobs)

    cancellation = await other_provider.cancel(accepted.handle, asked)
    await provider.close()
    await other_provider.close()

    assert not cancellation.accepted
    assert "401" in cancellation.detail
    assert [job.cancelled for job in emulators.emulator(vendor).jobs.all()] == [False]
