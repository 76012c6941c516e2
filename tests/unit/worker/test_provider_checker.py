import asyncio

from fakes import ManualClock
from limner.worker.provider_checker import ProviderChecker


async def test_the_first_check_comes_after_one_interval_and_the_next_after_another() -> None:
    clock, checked = ManualClock(), []

    async def check() -> None:
        checked.append(clock.now_ms())
        if len(checked) == 2:
            raise asyncio.CancelledError

    begun_ms = clock.now_ms()
    await asyncio.gather(ProviderChecker(check, clock, 300).run(), return_exceptions=True)

    assert [at_ms - begun_ms for at_ms in checked] == [300_000, 600_000]
