"""Writing down what a vendor answered, also while the database is away."""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from limner.application.interrupt import Interrupted, Reason
from limner.application.journal import PAUSES_S, Journal, Kept, picture_in
from limner.domain.failure import Failure, FailureKind
from limner.domain.ids import TaskId
from limner.ports.records import Records, Store
from stores import PICTURE, ROUTE, House

T = TypeVar("T")
Logged = list[MutableMapping[str, Any]]
KEPT = Kept(PICTURE, {"provider": "scripted"})


@dataclass
class Failing:
    """A store that fails some times before it works again."""

    store: Store
    failures: int = 0

    async def run(self, work: Callable[[Records], T]) -> T:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the database is away")
        return await self.store.run(work)

    async def read(self, work: Callable[[Records], T]) -> T:
        return await self.store.read(work)

    async def close(self) -> None:
        await self.store.close()


@pytest.fixture
async def task(house: House) -> TaskId:
    task = await house.sends(await house.opens())
    await house.claims()
    return task


async def answered(journal: Journal, what: str, attempt: Any) -> None:
    if what == "handle":
        await journal.submitted(attempt, {"id": "job-1"})
    else:
        await journal.delivered(attempt, KEPT, 10, 0.04)


@pytest.mark.parametrize("what", ["handle", "picture"])
async def test_an_answer_is_written_down_as_soon_as_the_database_is_back(
    house: House, task: TaskId, what: str, logged: Logged
) -> None:
    store = Failing(house.store)
    journal = Journal(store, house.clock)
    attempt = await journal.intend(task, 1, ROUTE)
    heard_ms = house.clock.ms
    store.failures = 3

    await answered(journal, what, attempt)

    [kept] = await house.attempts(task)
    assert kept.state == {"handle": "submitted", "picture": "delivered"}[what]
    assert (kept.submitted_ms or kept.delivered_ms) == heard_ms
    assert house.clock.slept == list(PAUSES_S[:3])
    assert [entry["event"] for entry in logged] == ["journal not written, trying again"] * 3


async def test_a_database_that_stays_away_is_an_error_in_the_end(house: House, task: TaskId, logged: Logged) -> None:
    store = Failing(house.store)
    journal = Journal(store, house.clock)
    attempt = await journal.intend(task, 1, ROUTE)
    store.failures = len(PAUSES_S) + 1

    with pytest.raises(ConnectionError):
        await answered(journal, "picture", attempt)

    assert house.clock.slept == list(PAUSES_S)


async def test_an_intent_needs_the_lease(house: House, task: TaskId) -> None:
    journal = Journal(house.store, house.clock)

    with pytest.raises(Interrupted) as interrupted:
        await journal.intend(task, 1, ROUTE, "somebody else")
    await journal.intend(task, 1, ROUTE, "worker")

    assert interrupted.value.reason is Reason.LEASE_LOST
    assert len(await house.attempts(task)) == 1


async def test_an_intent_that_cannot_be_written_is_no_intent(house: House, task: TaskId) -> None:
    with pytest.raises(ConnectionError):
        await Journal(Failing(house.store, 1), house.clock).intend(task, 1, ROUTE)

    assert await house.attempts(task) == []


async def test_a_picture_is_found_whichever_attempt_brought_it(house: House, task: TaskId) -> None:
    journal = Journal(house.store, house.clock)
    before = picture_in(await journal.of(task))
    first = await journal.intend(task, 1, ROUTE)
    await journal.failed(first, Failure(FailureKind.UNKNOWN_OUTCOME, "cut off"))
    await journal.intend(task, 2, ROUTE)
    await journal.delivered(first, KEPT, 10, None)

    assert before is None
    assert picture_in(await journal.of(task)) == KEPT
