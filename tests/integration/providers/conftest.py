from collections.abc import AsyncIterator

import pytest

from limner_vendors import EmulatedSpeed, Vendors


@pytest.fixture
async def emulators() -> AsyncIterator[Vendors]:
    """Give the vendors that work on jobs, all open. The first two questions about a job are answered with "not yet"."""
    async with Vendors.running(
        ["bfl", "fal", "replicate", "midjourney", "ray"], speed=EmulatedSpeed(pending=2)
    ) as vendors:
        yield vendors
        assert vendors.violations() == []
