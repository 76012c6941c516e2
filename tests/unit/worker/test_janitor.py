"""The janitor removes expired data, hourly also leftovers of dead processes, and survives errors."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from fakes import FrozenClock
from integration.store.retention_steps import NOTHING, UNUSED, janitor, run_task
from limner.application.retention.prune import RetentionPolicy
from limner.providers.sandbox import card
from limner.worker.janitor import LEFTOVERS_INTERVAL_MS, Janitor
from stores import ServiceHarness

Logged = list[MutableMapping[str, Any]]


@dataclass
class Scratch:
    """Scratch folders of dead processes, some at each look."""

    found: list[int] = field(default_factory=list)
    looks: int = 0

    def __call__(self) -> int:
        self.looks += 1
        return self.found.pop(0) if self.found else 0


def worker(service: ServiceHarness, scratch: Scratch, policy: RetentionPolicy = NOTHING) -> Janitor:
    return Janitor(janitor(service, policy), service.clock, scratch)


async def test_expired_data_is_removed_and_logged(service: ServiceHarness, logged: Logged) -> None:
    await run_task(service, await service.open_account(), card("made"))

    await worker(service, Scratch()).clean()

    [entry] = [each for each in logged if each["event"] == "removed expired data"]
    assert (entry["results"], entry["files"], entry["size"]) == (1, 1, len(card("made")))


async def test_nothing_is_logged_where_nothing_is_due(service: ServiceHarness, logged: Logged) -> None:
    await run_task(service, await service.open_account(), card("made"))
    logged.clear()

    await worker(service, Scratch(), UNUSED).clean()

    assert logged == []


async def test_leftovers_are_looked_for_once_an_hour(service: ServiceHarness, logged: Logged) -> None:
    scratch = Scratch([2])
    cleaner = worker(service, scratch)

    for _ in range(3):
        await cleaner.clean()
    service.clock.pass_time(LEFTOVERS_INTERVAL_MS / 1000)
    await cleaner.clean()

    assert scratch.looks == 2
    assert {"event": "removed files of dead processes", "files": 0, "folders": 2, "log_level": "info"} in logged


async def test_trouble_is_logged_and_the_next_round_is_made(
    service: ServiceHarness, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.clock = FrozenClock()
    cleaner, rounds = worker(service, Scratch()), 0

    async def clean(_: Janitor) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            raise KeyboardInterrupt
        raise ConnectionError("the database is away")

    async def at_once(seconds: float) -> None:
        service.clock.slept.append(seconds)

    monkeypatch.setattr(Janitor, "clean", clean)
    monkeypatch.setattr(service.clock, "sleep", at_once)
    with pytest.raises(KeyboardInterrupt):
        await cleaner.run()

    assert [each["event"] for each in logged] == ["janitor failed"]
    assert service.clock.slept == [60.0, 60.0]
