"""Writing down what a vendor answered, also while the database is away."""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from limner.application.generation.interrupt import Interrupted, Reason
from limner.application.generation.journal import (
    WRITE_RETRIES_S,
    DeliveredImage,
    KeptImage,
    SpendJournal,
    delivered_image,
)
from limner.application.generation.route_durations import READ_AGAIN_MS, RouteDurations
from limner.application.tasks.settle import settle
from limner.db.records import Records
from limner.db.store import Store, StoreUnavailable
from limner.domain.ids import TaskId
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.tasks.progress import DEFAULT_EXPECTED_MS
from limner.domain.tasks.task import Ending, Status, Task
from stores import PICTURE, ROUTE, ServiceHarness, intend_attempt

T = TypeVar("T")
Logged = list[MutableMapping[str, Any]]
KEPT = KeptImage(PICTURE, {"provider": "scripted"})


@dataclass
class Failing:
    """A store that fails some times before it works again."""

    store: Store
    failures: int = 0
    error: Exception = field(default_factory=lambda: StoreUnavailable("the database is away"))

    async def run(self, work: Callable[[Records], T]) -> T:
        if self.failures:
            self.failures -= 1
            raise self.error
        return await self.store.run(work)

    async def run_unsynced(self, work: Callable[[Records], T]) -> T:
        return await self.store.run_unsynced(work)

    async def read(self, work: Callable[[Records], T]) -> T:
        return await self.store.read(work)

    async def close(self) -> None:
        await self.store.close()


@pytest.fixture
async def task(service: ServiceHarness) -> TaskId:
    task = await service.submit_task(await service.open_account())
    await service.claim_tasks()
    return task


async def answered(journal: SpendJournal, what: str, attempt: Any) -> None:
    if what == "handle":
        await journal.submitted(attempt, {"id": "job-1"})
    elif what == "failure":
        await journal.failed(attempt, Failure(FailureKind.BAD_OUTPUT, "no picture", charged=True), ROUTE)
    else:
        await journal.delivered(DeliveredImage(attempt, ROUTE, KEPT, 10, 0.04))


@pytest.mark.parametrize("what", ["handle", "picture", "failure"])
async def test_an_answer_is_written_down_as_soon_as_the_database_is_back(
    service: ServiceHarness, task: TaskId, what: str, logged: Logged
) -> None:
    store = Failing(service.store)
    journal = SpendJournal(store, service.clock)
    attempt = await intend_attempt(journal, task, 1)
    answered_ms = service.clock.ms
    store.failures = 3

    await answered(journal, what, attempt)

    [kept] = await service.attempts(task)
    assert kept.state == {"handle": "submitted", "picture": "delivered", "failure": "closed"}[what]
    assert (kept.submitted_ms or kept.delivered_ms or kept.closed_ms) == answered_ms
    assert service.clock.slept == list(WRITE_RETRIES_S[:3])
    events = [entry["event"] for entry in logged if entry["log_level"] == "error"]
    assert events == ["journal not written, trying again"] * 3


async def test_a_database_that_stays_away_is_an_error_in_the_end(
    service: ServiceHarness, task: TaskId, logged: Logged
) -> None:
    store = Failing(service.store)
    journal = SpendJournal(store, service.clock)
    attempt = await intend_attempt(journal, task, 1)
    store.failures = len(WRITE_RETRIES_S) + 1

    with pytest.raises(StoreUnavailable):
        await answered(journal, "picture", attempt)

    assert service.clock.slept == list(WRITE_RETRIES_S)
    assert 900 <= sum(WRITE_RETRIES_S) < 1000


async def test_a_fault_of_ours_is_not_waited_for(service: ServiceHarness, task: TaskId, logged: Logged) -> None:
    store = Failing(service.store, error=ZeroDivisionError())
    journal = SpendJournal(store, service.clock)
    attempt = await intend_attempt(journal, task, 1)
    store.failures = len(WRITE_RETRIES_S)

    with pytest.raises(ZeroDivisionError):
        await answered(journal, "picture", attempt)

    assert service.clock.slept == list(WRITE_RETRIES_S[:3])


async def test_an_intent_needs_the_lease(service: ServiceHarness, task: TaskId) -> None:
    journal = SpendJournal(service.store, service.clock)

    with pytest.raises(Interrupted) as interrupted:
        await intend_attempt(journal, task, 1, owner="somebody else")
    await intend_attempt(journal, task, 1, owner="worker")

    assert interrupted.value.reason is Reason.LEASE_LOST
    assert len(await service.attempts(task)) == 1


async def test_an_intent_that_cannot_be_written_is_no_intent(service: ServiceHarness, task: TaskId) -> None:
    with pytest.raises(StoreUnavailable):
        await intend_attempt(SpendJournal(Failing(service.store, 1), service.clock), task, 1)

    assert await service.attempts(task) == []


async def test_a_picture_is_found_whichever_attempt_brought_it(service: ServiceHarness, task: TaskId) -> None:
    journal = SpendJournal(service.store, service.clock)
    before = delivered_image(await journal.of(task))
    first = await intend_attempt(journal, task, 1)
    await journal.failed(first, Failure(FailureKind.UNKNOWN_OUTCOME, "cut off"), ROUTE)
    await intend_attempt(journal, task, 2)
    await journal.delivered(DeliveredImage(first, ROUTE, KEPT, 10, None))

    assert before is None
    assert delivered_image(await journal.of(task)) == KEPT


async def test_the_delivery_that_ends_a_task_is_one_row_with_all_that_an_earlier_one_has(
    service: ServiceHarness, task: TaskId
) -> None:
    journal = SpendJournal(service.store, service.clock)
    open_still = await intend_attempt(journal, task, 1)
    attempt = await intend_attempt(journal, task, 2)
    delivery = DeliveredImage(attempt, ROUTE, KEPT, 10, 0.04)
    await service.store.run(lambda records: records.blobs.add(PICTURE.blob, 10, PICTURE.media_type, service.clock.ms))
    ending = Ending(Status.SUCCESS, consumed=5, result=PICTURE, served_by=KEPT.served_by)

    def end(records: Records) -> Task | None:
        return settle(records, task, ending, service.clock.ms, owner="worker", delivery=delivery.row)

    ended = await journal.delivered_with(delivery, end)

    rows = {each.id: each for each in await journal.of(task)}
    assert ended is not None
    assert ended.result == PICTURE
    assert rows[open_still].outcome == "given_up"
    row = rows[attempt]
    assert (row.state, row.outcome, row.charged, row.cost_usd) == ("closed", "picture", True, 0.04)
    assert (row.delivered_ms, row.closed_ms) == (service.clock.ms, service.clock.ms)
    assert delivered_image([row]) == KEPT


async def test_the_delivery_of_a_task_that_is_another_worker_s_by_now_is_written_alone(
    service: ServiceHarness, task: TaskId
) -> None:
    journal = SpendJournal(service.store, service.clock)
    attempt = await intend_attempt(journal, task, 1)

    ended = await journal.delivered_with(DeliveredImage(attempt, ROUTE, KEPT, 10, 0.04), lambda _: None)

    (row,) = await journal.of(task)
    assert ended is None
    assert (row.state, row.result is not None, row.cost_usd) == ("delivered", True, 0.04)


async def test_durations_of_a_route_are_read_again_after_a_while(service: ServiceHarness, task: TaskId) -> None:
    durations = RouteDurations()
    journal = SpendJournal(service.store, service.clock)

    async def deliver_after(number: int, took_ms: int) -> None:
        attempt = await intend_attempt(journal, task, number)
        service.clock.ms += took_ms
        await journal.delivered(DeliveredImage(attempt, ROUTE, KEPT, 10, 0.04))
        await service.store.run(lambda records: records.attempts.close_open(task, service.clock.ms))

    async def expected(now_ms: int) -> int:
        return await service.store.read(lambda records: durations.expected_ms(records, ROUTE.name, now_ms))

    assert await expected(0) == DEFAULT_EXPECTED_MS
    await deliver_after(1, 300)
    assert await expected(1) == 300
    await deliver_after(2, 900)

    assert await expected(1 + READ_AGAIN_MS - 1) == 300
    assert await expected(1 + READ_AGAIN_MS) == 600
