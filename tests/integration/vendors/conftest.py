from collections.abc import AsyncIterator

import aiohttp
import pytest

from asking import Asker
from limner.testing.vendors import EmulatedSpeed, Vendors


@pytest.fixture
async def street() -> AsyncIterator[Vendors]:
    async with Vendors.running(pace=EmulatedSpeed(webhook_retries=(0.0, 0.0, 0.0))) as running:
        yield running


@pytest.fixture
async def asker(street: Vendors) -> AsyncIterator[Asker]:
    async with aiohttp.ClientSession() as session:
        yield Asker(street, session)
