"""The spend journal: each step is kept, none is taken back."""

from typing import Any

import pytest

from limner.application.generation.journal import DeliveredImage, KeptImage, SpendJournal, image_of
from limner.db.tables.attempts import Attempt
from limner.db.tables.keys import Key
from limner.domain.ids import AttemptId, TaskId
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.tasks.progress import DEFAULT_EXPECTED_MS
from stores import FAILED, PICTURE, ROUTE, SUCCEEDED, ServiceHarness, intend_attempt

KEPT = KeptImage(PICTURE, {"provider": "scripted", "generative": True})


@pytest.fixture
async def task(service: ServiceHarness) -> TaskId:
    key = await service.open_account(limit=100)
    task = await service.submit_task(key)
    await service.claim_tasks()
    return task


def journal(service: ServiceHarness) -> SpendJournal:
    return SpendJournal(service.store, service.clock)


async def last(service: ServiceHarness, task: TaskId) -> Attempt:
    return (await service.attempts(task))[-1]


async def test_a_new_task_has_no_attempts(service: ServiceHarness, task: TaskId) -> None:
    assert list(await journal(service).of(task)) == []


async def test_an_intent_names_what_will_be_asked_of_whom(service: ServiceHarness, task: TaskId) -> None:
    attempt = await intend_attempt(journal(service), task, 1)

    kept = await last(service, task)
    assert (kept.id, kept.task, kept.number, kept.state) == (attempt, task, 1, "intended")
    assert (kept.route, kept.provider, kept.upstream) == (ROUTE.name, ROUTE.provider, ROUTE.upstream)
    assert kept.intended_ms == service.clock.now_ms()
    assert (kept.outcome, kept.handle, kept.result, kept.closed_ms, kept.charged) == (None, None, None, None, False)


async def test_the_vendors_queue_is_told_to_watchers_by_who_has_the_lease_alone(
    service: ServiceHarness, task: TaskId
) -> None:
    async def statuses() -> list[str]:
        return [
            str(each.status) for each in await service.store.read(lambda records: records.events.of_task(task, 0, 9))
        ]

    attempt = await intend_attempt(journal(service), task, 1)
    await journal(service).submitted(attempt, {"id": "job-1"})
    before, owner = await statuses(), "worker"

    await journal(service).vendor_queued(task, attempt, owner)
    assert (await last(service, task)).in_vendors_queue
    await journal(service).vendor_queued(task, attempt, "another worker")
    assert await statuses() == [*before, "running"]
    await journal(service).working(task, attempt, owner)

    assert not (await last(service, task)).in_vendors_queue
    assert await statuses() == [*before, "running", "running"]


async def test_an_asynchronous_attempt_goes_through_every_state(service: ServiceHarness, task: TaskId) -> None:
    states: list[tuple[Any, ...]] = []

    async def note() -> None:
        kept = await last(service, task)
        states.append((kept.state, kept.outcome, kept.charged))

    attempt = await intend_attempt(journal(service), task, 1)
    await note()
    service.clock.pass_time(1)
    await journal(service).submitted(attempt, {"id": "job-1", "polling": ["a", 2]})
    await note()
    service.clock.pass_time(5)
    await journal(service).delivered(DeliveredImage(attempt, ROUTE, KEPT, 1234, 0.04))
    await note()
    service.clock.pass_time(1)
    await service.settle_task(task)
    await note()

    kept, now_ms = await last(service, task), service.clock.now_ms()
    assert states == [
        ("intended", None, False),
        ("submitted", None, False),
        ("delivered", None, True),
        ("closed", "picture", True),
    ]
    assert kept.handle == {"id": "job-1", "polling": ["a", 2]}
    assert (kept.submitted_ms, kept.delivered_ms, kept.closed_ms) == (now_ms - 6000, now_ms - 1000, now_ms)
    assert kept.cost_usd == 0.04
    assert image_of(kept) == KEPT


async def test_what_is_delivered_is_known_as_bytes_too(service: ServiceHarness, task: TaskId) -> None:
    attempt = await intend_attempt(journal(service), task, 1)
    await journal(service).delivered(DeliveredImage(attempt, ROUTE, KEPT, 1234, None))

    assert await service.query("SELECT id, size, media_type FROM blobs") == [(PICTURE.blob, 1234, "image/png")]


@pytest.mark.parametrize(("cost_usd", "charged"), [(None, True), (0.04, True), (0.0, False)])
async def test_a_delivery_was_paid_for_unless_it_cost_nothing(
    service: ServiceHarness,
    task: TaskId,
    cost_usd: float | None,
    charged: bool,  # noqa: FBT001
) -> None:
    attempt = await intend_attempt(journal(service), task, 1)
    await journal(service).delivered(DeliveredImage(attempt, ROUTE, KEPT, 1234, cost_usd))

    kept = await last(service, task)
    assert (kept.charged, kept.cost_usd) == (charged, cost_usd)


async def test_a_failure_is_kept_with_its_reason(service: ServiceHarness, task: TaskId) -> None:
    attempt = await intend_attempt(journal(service), task, 1)
    await journal(service).failed(
        attempt, Failure(FailureKind.TRANSIENT, "the vendor is down", charged=True, detail="503 busy"), None
    )

    kept = await last(service, task)
    assert (kept.state, kept.outcome) == ("closed", "transient")
    assert (kept.reason, kept.detail, kept.charged) == ("the vendor is down", "503 busy", True)


async def test_a_closed_attempt_stays_closed_as_it_was(service: ServiceHarness, task: TaskId) -> None:
    attempt = await intend_attempt(journal(service), task, 1)
    await journal(service).failed(attempt, Failure(FailureKind.TRANSIENT, "first"), None)
    before = await last(service, task)
    service.clock.pass_time(5)

    await journal(service).failed(attempt, Failure(FailureKind.AUTH, "second", charged=True), None)
    await service.settle_task(task)

    assert await last(service, task) == before


async def test_what_was_paid_for_stays_paid_for_when_it_turns_out_bad(service: ServiceHarness, task: TaskId) -> None:
    attempt = await intend_attempt(journal(service), task, 1)
    await journal(service).delivered(DeliveredImage(attempt, ROUTE, KEPT, 1234, 0.04))
    await journal(service).failed(attempt, Failure(FailureKind.BAD_OUTPUT, "broken"), None)

    assert (await last(service, task)).charged


async def test_a_closed_attempt_is_not_opened_again_by_a_late_answer(service: ServiceHarness, task: TaskId) -> None:
    """The worker that lost the task still writes down what it hears: the end must not be undone."""
    attempt = await intend_attempt(journal(service), task, 1)
    await service.settle_task(task)
    before = await last(service, task)

    await journal(service).submitted(attempt, {"id": "late"})
    submitted = await last(service, task)
    await journal(service).delivered(DeliveredImage(attempt, ROUTE, KEPT, 1234, 0.04))
    delivered = await last(service, task)

    assert submitted.state == delivered.state == "closed"
    assert (delivered.outcome, delivered.closed_ms) == (before.outcome, before.closed_ms)
    assert delivered.charged, "what was paid for is paid for, whenever we hear of it"


@pytest.mark.parametrize("first", ["delivered", "given up"])
async def test_a_picture_that_was_written_while_its_job_was_given_up_is_one_where_its_task_succeeds(
    service: ServiceHarness, task: TaskId, first: str
) -> None:
    """A cancelled task's job is given up ten seconds after it was asked to stop, while the database is away."""
    attempt = await intend_attempt(journal(service), task, 1)

    async def give_up() -> None:
        await journal(service).discarded(attempt, "cancelled by its owner", charged=True)

    if first == "given up":
        await give_up()
    await journal(service).delivered(DeliveredImage(attempt, ROUTE, KEPT, 10, 0.04))
    if first == "delivered":
        await give_up()
    closed_ms = (await last(service, task)).closed_ms
    service.clock.pass_time(3)
    await service.settle_task(task, SUCCEEDED)

    kept = await last(service, task)
    assert (kept.state, kept.outcome, kept.charged, kept.closed_ms) == ("closed", "picture", True, closed_ms)
    assert await service.store.read(lambda records: records.consistency.tasks_without_picture()) == []


async def test_a_picture_of_a_task_that_failed_all_the_same_stays_given_up(
    service: ServiceHarness, task: TaskId
) -> None:
    attempt = await intend_attempt(journal(service), task, 1)
    await journal(service).delivered(DeliveredImage(attempt, ROUTE, KEPT, 10, 0.04))
    await journal(service).discarded(attempt, "cancelled by its owner", charged=True)

    await service.settle_task(task, FAILED)

    assert (await last(service, task)).outcome == "given_up"


async def test_attempts_are_listed_in_their_order(service: ServiceHarness, task: TaskId) -> None:
    made: list[AttemptId] = []
    for number in (1, 2, 3):
        made.append(await intend_attempt(journal(service), task, number))
        await journal(service).failed(made[-1], Failure(FailureKind.TRANSIENT, "again"), None)

    assert [attempt.id for attempt in await journal(service).of(task)] == made


async def test_an_intent_tells_how_long_such_runs_took(service: ServiceHarness) -> None:
    key = await service.open_account(limit=100)
    expected = []
    for seconds in (10, 20, 90):
        task = await service.submit_task(key)
        await service.claim_tasks()
        attempt = await intend_attempt(journal(service), task, 1)
        expected.append((await service.task(task)).expected_ms)
        service.clock.pass_time(seconds)
        await journal(service).delivered(DeliveredImage(attempt, ROUTE, KEPT, 1, None))
        await service.settle_task(task)
    unfinished = await service.submit_task(key)
    await service.claim_tasks()
    await intend_attempt(journal(service), unfinished, 1)

    assert expected == [DEFAULT_EXPECTED_MS, 10_000, 15_000]
    assert (await service.task(unfinished)).expected_ms == 20_000


async def test_only_pictures_of_the_same_route_tell_how_long_a_run_takes(service: ServiceHarness) -> None:
    key = await service.open_account(limit=100)
    for route, kind in (("other/route", None), (ROUTE.name, FailureKind.TRANSIENT)):
        task = await service.submit_task(key)
        await service.claim_tasks()
        attempt = await service.write_intent(task, 1, route)
        service.clock.pass_time(60)
        if kind:
            await journal(service).failed(attempt, Failure(kind, "no"), None)
        else:
            await journal(service).delivered(DeliveredImage(attempt, ROUTE, KEPT, 1, None))
        await service.settle_task(task)

    assert list(await service.store.read(lambda records: records.attempts.recent_durations_ms(ROUTE.name, 20))) == []
    assert list(await service.store.read(lambda records: records.attempts.recent_durations_ms("other/route", 20))) == [
        60_000
    ]


async def test_a_failure_is_shared_once_a_second_account_meets_it_or_if_no_other_uses_the_route(
    service: ServiceHarness,
) -> None:
    kinds, book = [FailureKind.AUTH], journal(service)
    one, other = await service.open_account("one", limit=10), await service.open_account("other", limit=10)

    async def failed(key: Key, number: int = 1) -> AttemptId:
        task = await service.submit_task(key)
        await service.claim_tasks()
        attempt = await intend_attempt(book, task, number)
        await book.failed(attempt, Failure(FailureKind.AUTH, "refused"), None)
        return attempt

    async def shared(attempt: AttemptId) -> bool:
        since_ms = service.clock.now_ms() - 600_000
        return await service.store.read(lambda records: records.attempts.is_shared_failure(attempt, kinds, since_ms))

    first = await failed(one)
    alone = await shared(first)
    task = await service.submit_task(other)
    await service.claim_tasks()
    open_attempt = await intend_attempt(book, task, 1)
    beside_a_call = await shared(first)
    await book.failed(open_attempt, Failure(FailureKind.NO_IMAGE, "empty"), None)
    beside_another_failure = await shared(first)
    await failed(other)
    with_the_other = await shared(first)
    service.clock.pass_time(601)
    later = await shared(await failed(one))

    assert (alone, beside_a_call, beside_another_failure, with_the_other, later) == (True, False, False, True, True)
