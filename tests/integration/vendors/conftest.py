from collections.abc import AsyncIterator

import aiohttp
import pytest

from limner_vendors import EmulatedSpeed, Vendors
from vendor_client import VendorClient


@pytest.fixture
async def emulators() -> AsyncIterator[Vendors]:
    async with Vendors.running(speed=EmulatedSpeed(webhook_retries=(0.0, 0.0, 0.0))) as running:
        yield running


@pytest.fixture
async def vendor_client(emulators: Vendors) -> AsyncIterator[VendorClient]:
    async with aiohttp.ClientSession() as session:
        yield VendorClient(emulators, session)
