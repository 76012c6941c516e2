"""Ends: exactly one wins, and money and status move together."""

import asyncio
from collections import Counter
from dataclasses import asdict, replace

import pytest

from limner.application.tasks import cancel as cancelling
from limner.application.tasks.cancel import CANCELLED_BY_CALLER
from limner.db.records import Records
from limner.db.tables.keys import Key
from limner.domain.accounts.credits import Balance
from limner.domain.ids import AccountId, TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.task import Ending, IgnoredField, Status, Task
from stores import FAILED, PICTURE, ROUTE, SUCCEEDED, ServiceHarness, intended_attempt


async def running(service: ServiceHarness, owner: str = "worker", opening: int = 100) -> tuple[Key, TaskId]:
    key = await service.open_account(opening=opening)
    task = await service.submit_task(key)
    await service.claim_tasks(owner)
    return key, task


async def events(service: ServiceHarness, task: TaskId) -> list[str]:
    return [row[0] for row in await service.query("SELECT status FROM task_events WHERE task = :t ORDER BY id", t=task)]


async def test_a_success_is_written_whole(service: ServiceHarness) -> None:
    key, task = await running(service)
    service.clock.pass_time(8)

    finished = await service.settle_task(task)

    assert finished == await service.task(task)
    assert (finished.status, finished.consumed, finished.progress) == (Status.SUCCESS, 5, 100)
    assert finished.result == PICTURE
    assert finished.served_by == {"provider": "scripted"}
    assert finished.finished_ms == service.clock.now_ms()
    assert await service.balance(key) == Balance(95, 0)
    assert await service.active_tasks(key) == 0
    assert await events(service, task) == ["queued", "running", "success"]


@pytest.mark.parametrize("status", [Status.FAILED, Status.BANNED, Status.CANCELLED])
async def test_every_other_end_gives_the_credits_back(service: ServiceHarness, status: Status) -> None:
    key, task = await running(service)

    finished = await service.settle_task(task, Ending(status, error_code=1001, error_msg="it did not work"))

    assert finished
    assert (finished.status, finished.consumed, finished.result) == (status, 0, None)
    assert (finished.error_code, finished.error_msg) == (1001, "it did not work")
    assert await service.balance(key) == Balance(100, 0)
    assert await service.movements(task) == ["hold", "release"]
    assert await service.ledger_faults() == []


async def test_of_many_settlements_one_wins(service: ServiceHarness) -> None:
    key, task = await running(service)

    outcomes = await asyncio.gather(*(service.settle_task(task, SUCCEEDED if n % 2 else FAILED) for n in range(10)))

    [winner] = [outcome for outcome in outcomes if outcome]
    assert winner == await service.task(task)
    assert await service.balance(key) == Balance(100 - winner.consumed, 0)
    assert len(await service.movements(task)) == 2
    assert await events(service, task) == ["queued", "running", winner.status]
    assert await service.ledger_faults() == []


async def test_who_does_not_hold_the_lease_cannot_settle(service: ServiceHarness) -> None:
    _, task = await running(service)

    assert await service.settle_task(task, owner="somebody else") is None
    assert await service.settle_task(task, owner=None) is None
    assert (await service.task(task)).status is Status.RUNNING
    assert await service.movements(task) == ["hold"]


async def test_a_queued_task_cannot_be_settled_by_a_worker(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account())

    assert await service.settle_task(task, owner="worker") is None
    assert (await service.task(task)).status is Status.QUEUED


async def test_after_a_rescue_the_first_worker_s_settlement_is_lost(service: ServiceHarness) -> None:
    _, task = await running(service, "slow")
    service.clock.pass_time(60)
    await service.rescue_tasks("rescuer")

    late = await service.settle_task(task, FAILED, owner="slow")
    good = await service.settle_task(task, SUCCEEDED, owner="rescuer")

    assert late is None
    assert good
    assert good.status is Status.SUCCESS
    assert await service.ledger_faults() == []


async def test_settlement_and_rescue_at_once_leave_one_of_two_clean_states(service: ServiceHarness) -> None:
    key = await service.open_account(limit=100, opening=1000)
    tasks = [await service.submit_task(key) for _ in range(30)]
    await service.claim_tasks("slow")
    service.clock.pass_time(60)

    settled, rescued = await asyncio.gather(
        asyncio.gather(*(service.settle_task(task, owner="slow") for task in tasks)),
        asyncio.gather(*(service.rescue_tasks(f"rescuer-{n}", limit=4) for n in range(8))),
    )

    ended = {task.id for task in settled if task}
    taken = Counter(each.task.id for share in rescued for each in share)
    assert ended | taken.keys() == set(tasks)
    assert not ended & taken.keys()
    assert set(taken.values()) <= {1}
    assert await service.active_tasks(key) == len(taken)
    assert await service.ledger_faults() == []


async def test_an_unknown_task_cannot_be_settled(service: ServiceHarness) -> None:
    assert await service.settle_task(TaskId("00000000-0000-4000-8000-000000000000")) is None


async def test_settling_closes_what_the_journal_left_open(service: ServiceHarness) -> None:
    _, task = await running(service)
    await service.write_intent(task)
    await service.settle_task(task)

    [attempt] = await service.attempts(task)
    assert (attempt.state, attempt.outcome, attempt.closed_ms) == ("closed", "given_up", service.clock.now_ms())


# --- cancelling ---------------------------------------------------------------------------------------------------


async def test_a_waiting_task_is_cancelled_at_once(service: ServiceHarness) -> None:
    key = await service.open_account(opening=100)
    task = await service.submit_task(key)

    cancelled = await service.cancel(key.account, task)

    assert cancelled.status is Status.CANCELLED
    assert cancelled == await service.task(task)
    assert await service.balance(key) == Balance(100, 0)
    assert await service.claim_tasks() == []
    assert service.signals.cancelled == []
    assert await service.ledger_faults() == []


async def test_a_running_task_is_asked_to_stop(service: ServiceHarness) -> None:
    key, task = await running(service)

    answered = await service.cancel(key.account, task)

    assert answered.status is Status.RUNNING
    assert (await service.task(task)).cancel_requested
    assert service.signals.cancelled == [task]


async def test_a_finished_task_stays_as_it_is(service: ServiceHarness) -> None:
    key, task = await running(service)
    finished = await service.settle_task(task)

    assert await service.cancel(key.account, task) == finished
    assert await service.ledger_faults() == []


async def test_cancelling_twice_is_cancelling_once(service: ServiceHarness) -> None:
    key = await service.open_account(opening=100)
    task = await service.submit_task(key)

    first, second = await service.cancel(key.account, task), await service.cancel(key.account, task)

    assert first == second
    assert await service.balance(key) == Balance(100, 0)


async def test_another_account_s_task_is_not_found(service: ServiceHarness) -> None:
    key = await service.open_account()
    task = await service.submit_task(key)

    with pytest.raises(Refusal) as refused:
        await service.cancel(AccountId("somebody"), task)

    assert refused.value.code is Code.TASK_NOT_FOUND
    assert (await service.task(task)).status is Status.QUEUED


async def test_the_operator_may_cancel_anybody_s(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account())

    assert (await service.cancel(None, task)).status is Status.CANCELLED


async def test_cancellation_and_settlement_at_once_end_a_task_once(service: ServiceHarness) -> None:
    key, task = await running(service)

    settled, *_ = await asyncio.gather(
        service.settle_task(task), service.settle_task(task, CANCELLED_BY_CALLER), service.cancel(key.account, task)
    )

    final = await service.task(task)
    assert final.status is (Status.SUCCESS if settled else Status.CANCELLED)
    assert await service.balance(key) == Balance(100 - final.consumed, 0)
    assert await service.ledger_faults() == []


async def test_cancellation_and_claim_at_once_end_or_ask(service: ServiceHarness) -> None:
    key = await service.open_account(limit=100)
    tasks = [await service.submit_task(key) for _ in range(40)]

    await asyncio.gather(
        *(service.cancel(key.account, task) for task in tasks),
        *(service.claim_tasks(f"w{n}", limit=5) for n in range(6)),
    )

    for task in [await service.task(each) for each in tasks]:
        assert task.status is Status.CANCELLED or (task.status is Status.RUNNING and task.cancel_requested)
    assert await service.ledger_faults() == []


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
async def test_a_task_that_is_claimed_while_it_is_being_cancelled_hears_of_it(
    service: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the task and its end another process takes it: only servers with many writers allow that."""
    key = await service.open_account()
    task = await service.submit_task(key)
    claimed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def claim_first(records: Records, *facts: object, **more: object) -> Task | None:
        asyncio.run_coroutine_threadsafe(service.claim_tasks(), loop).result(20)
        loop.call_soon_threadsafe(claimed.set)
        return real(records, *facts, **more)

    real = cancelling.settle
    monkeypatch.setattr(cancelling, "settle", claim_first)

    answered = await service.cancel(key.account, task)

    assert claimed.is_set()
    assert answered.status is Status.RUNNING
    assert (await service.task(task)).cancel_requested
    assert service.signals.cancelled == [task]


# --- the journal --------------------------------------------------------------------------------------------------


async def test_an_attempt_is_one_of_its_task_s_numbers(service: ServiceHarness) -> None:
    _, task = await running(service)
    await service.write_intent(task, 1)

    with pytest.raises(Exception, match=r"(?i)unique"):
        await service.store.run(lambda records: records.attempts.intend(intended_attempt(task, 1, 1)))

    assert len(await service.attempts(task)) == 1


# --- several pictures -----------------------------------------------------------------------------------------------


async def deliver(service: ServiceHarness, task: TaskId, part: str) -> None:
    """Write a delivered picture to the journal."""
    now_ms = service.clock.now_ms()
    attempt = replace(intended_attempt(task, 1, now_ms, ROUTE.name), part=part)
    kept = {"result": asdict(PICTURE), "served_by": {"provider": "scripted"}}

    def work(records: Records) -> None:
        records.blobs.add(PICTURE.blob, 10, PICTURE.media_type, now_ms)
        records.attempts.intend(attempt)
        records.attempts.delivered(attempt.id, kept, None, now_ms)

    await service.store.run(work)


@pytest.mark.parametrize(("made", "consumed"), [(1, 5), (2, 10), (3, 15)])
async def test_of_several_pictures_those_that_were_made_are_charged(
    service: ServiceHarness, made: int, consumed: int
) -> None:
    key = await service.open_account(opening=100)
    task = await service.submit_task(key, n=3)
    assert await service.balance(key) == Balance(85, 15)
    await service.claim_tasks("worker")
    for part in range(1, made + 1):
        await deliver(service, task, str(part))

    result = replace(PICTURE, more=(PICTURE,) * (made - 1))
    ignored = (IgnoredField("seed", "it takes no seed"),)
    ending = Ending(Status.SUCCESS, consumed=consumed, result=result, error_msg="so many", ignored=ignored)
    finished = await service.settle_task(task, ending)

    assert finished == await service.task(task)
    assert (finished.pictures, finished.consumed, finished.result, finished.ignored) == (3, consumed, result, ignored)
    assert await service.balance(key) == Balance(100 - consumed, 0)
    assert await service.ledger_faults() == []


@pytest.mark.parametrize("consumed", [5, 15])
async def test_a_charge_for_other_pictures_than_were_made_is_found(service: ServiceHarness, consumed: int) -> None:
    task = await service.submit_task(await service.open_account(opening=100), n=3)
    await service.claim_tasks("worker")
    await deliver(service, task, "1")
    await deliver(service, task, "3")

    await service.settle_task(task, Ending(Status.SUCCESS, consumed=consumed, result=PICTURE))

    assert await service.ledger_faults() == [f"task {task} was charged {consumed} credits for 2 of its 3 pictures"]


async def test_several_pictures_are_as_many_places_in_the_queue(service: ServiceHarness) -> None:
    busy = await service.open_account(opening=100)
    other = await service.open_account("bob", opening=100)
    several = await service.submit_task(busy, n=3)
    second = await service.submit_task(busy)
    theirs = [await service.submit_task(other) for _ in range(3)]

    order = [each.task.id for each in await service.claim_tasks()]

    assert order.index(second) > order.index(theirs[-1])
    assert several in order[:2]
