"""How far a host's clock is from the database's."""

import time

import pytest

from limner.application.clock_skew import MAX_SKEW_MS, measure_skew
from limner.worker.clock import SystemClock
from stores import ServiceHarness, on_postgres, opened_store


class ClockAhead(SystemClock):
    """A host's clock that is wrong by so many seconds."""

    def __init__(self, ahead_s: int) -> None:
        self.ahead_s = ahead_s

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_s * 1000


@on_postgres
@pytest.mark.parametrize("ahead_s", [3600, -3600])
async def test_a_host_whose_clock_differs_from_the_database_s_is_found(url: str, ahead_s: int) -> None:
    async with opened_store(url, local_clock=False) as store:
        skew = await measure_skew(store, ClockAhead(ahead_s))

    assert abs(skew.ms - ahead_s * 1000) <= skew.uncertainty_ms + MAX_SKEW_MS
    assert not skew.is_small


async def test_a_host_with_the_database_s_clock_has_no_skew(url: str) -> None:
    async with opened_store(url, local_clock=False) as store:
        skew = await measure_skew(store, SystemClock())

    assert skew.is_small


async def test_on_sqlite_there_is_one_clock(service: ServiceHarness) -> None:
    assert (await measure_skew(service.store, service.clock)).ms == 0
