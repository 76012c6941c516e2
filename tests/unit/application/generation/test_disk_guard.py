"""Nothing is bought while a delivered image could not be stored."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from limner.application.generation.disk_guard import CHECK_INTERVAL_MS, MIN_FREE_BYTES, REFUSAL_PAUSE_MS, DiskGuard

Logged = list[MutableMapping[str, Any]]
NOON_MS = 1_800_000_000_000


class Disk:
    def __init__(self, free: int) -> None:
        self.free = free
        self.checks = 0

    def __call__(self) -> int:
        self.checks += 1
        return self.free


async def test_without_a_disk_nothing_is_full() -> None:
    assert not await DiskGuard().is_full(NOON_MS)


@pytest.mark.parametrize(("free", "full"), [(0, True), (MIN_FREE_BYTES - 1, True), (MIN_FREE_BYTES, False)])
async def test_it_is_full_when_one_of_the_largest_images_would_not_fit(free: int, *, full: bool) -> None:
    assert await DiskGuard(Disk(free)).is_full(NOON_MS) is full


async def test_the_disk_is_checked_at_intervals() -> None:
    disk = Disk(MIN_FREE_BYTES)
    disk_guard = DiskGuard(disk)

    for passed_ms in range(0, 3 * CHECK_INTERVAL_MS, 100):
        await disk_guard.is_full(NOON_MS + passed_ms)

    assert disk.checks == 3


async def test_after_a_refusal_it_is_full_until_storage_takes_bytes() -> None:
    disk_guard = DiskGuard()
    disk_guard.record_refusal(NOON_MS)
    at_first = await disk_guard.is_full(NOON_MS)

    disk_guard.record_success()

    assert at_first
    assert not await disk_guard.is_full(NOON_MS)


@pytest.mark.parametrize("passed_ms", [REFUSAL_PAUSE_MS, -1])
async def test_a_refusal_counts_for_a_limited_time(passed_ms: int) -> None:
    disk_guard = DiskGuard()
    disk_guard.record_refusal(NOON_MS)

    assert not await disk_guard.is_full(NOON_MS + passed_ms)


async def test_a_full_disk_is_logged_once_and_so_is_its_end(logged: Logged) -> None:
    disk = Disk(0)
    disk_guard = DiskGuard(disk)

    for number in range(6):
        disk.free = 0 if number < 3 else MIN_FREE_BYTES
        await disk_guard.is_full(NOON_MS + number * CHECK_INTERVAL_MS)

    assert [entry["log_level"] for entry in logged] == ["error", "info"]
