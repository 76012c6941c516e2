"""Nothing is bought that there is no place for."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from limner.application.generation.disk_guard import CHECK_INTERVAL_MS, MIN_FREE_BYTES, REFUSAL_PAUSE_MS, DiskGuard

Logged = list[MutableMapping[str, Any]]
NOON_MS = 1_800_000_000_000


class Disk:
    def __init__(self, free: int) -> None:
        self.free = free
        self.looks = 0

    def __call__(self) -> int:
        self.looks += 1
        return self.free


async def test_a_shelf_of_which_nothing_is_known_is_not_full() -> None:
    assert not await DiskGuard().is_full(NOON_MS)


@pytest.mark.parametrize(("free", "full"), [(0, True), (MIN_FREE_BYTES - 1, True), (MIN_FREE_BYTES, False)])
async def test_it_is_full_when_the_disk_has_no_room_for_one_of_the_largest_pictures(free: int, *, full: bool) -> None:
    assert await DiskGuard(Disk(free)).is_full(NOON_MS) is full


async def test_the_disk_is_looked_at_now_and_then() -> None:
    disk = Disk(MIN_FREE_BYTES)
    disk_guard = DiskGuard(disk)

    for passed_ms in range(0, 3 * CHECK_INTERVAL_MS, 100):
        await disk_guard.is_full(NOON_MS + passed_ms)

    assert disk.looks == 3


async def test_after_a_refusal_it_rests_until_somebody_finds_a_place() -> None:
    disk_guard = DiskGuard()
    disk_guard.refused(NOON_MS)
    at_first = await disk_guard.is_full(NOON_MS)

    disk_guard.took()

    assert at_first
    assert not await disk_guard.is_full(NOON_MS)


@pytest.mark.parametrize("passed_ms", [REFUSAL_PAUSE_MS, -1])
async def test_a_refusal_is_not_remembered_for_ever(passed_ms: int) -> None:
    disk_guard = DiskGuard()
    disk_guard.refused(NOON_MS)

    assert not await disk_guard.is_full(NOON_MS + passed_ms)


async def test_a_full_disk_is_told_once_and_so_is_its_end(logged: Logged) -> None:
    disk = Disk(0)
    disk_guard = DiskGuard(disk)

    for number in range(6):
        disk.free = 0 if number < 3 else MIN_FREE_BYTES
        await disk_guard.is_full(NOON_MS + number * CHECK_INTERVAL_MS)

    assert [entry["log_level"] for entry in logged] == ["error", "info"]
