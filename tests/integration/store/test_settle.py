"""Ends: exactly one wins, and money and status move together."""

import asyncio
from collections import Counter

import pytest

from limner.application.tasks import cancel as cancelling
from limner.application.tasks.cancel import CANCELLED_BY_CALLER
from limner.db.records import Records
from limner.db.tables.keys import Key
from limner.domain.accounts.credits import Balance
from limner.domain.ids import AccountId, TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.task import Ending, Status, Task
from stores import BROKEN, DRAWN, PICTURE, House, intended


async def running(house: House, owner: str = "worker", opening: int = 100) -> tuple[Key, TaskId]:
    key = await house.opens(opening=opening)
    task = await house.sends(key)
    await house.claims(owner)
    return key, task


async def events(house: House, task: TaskId) -> list[str]:
    return [row[0] for row in await house.look("SELECT status FROM task_events WHERE task = :t ORDER BY id", t=task)]


async def test_a_success_is_written_whole(house: House) -> None:
    key, task = await running(house)
    house.clock.pass_time(8)

    finished = await house.settles(task)

    assert finished == await house.task(task)
    assert (finished.status, finished.consumed, finished.progress) == (Status.SUCCESS, 5, 100)
    assert finished.result == PICTURE
    assert finished.served_by == {"provider": "scripted"}
    assert finished.finished_ms == house.clock.now_ms()
    assert await house.balance(key) == Balance(95, 0)
    assert await house.active(key) == 0
    assert await events(house, task) == ["queued", "running", "success"]


@pytest.mark.parametrize("status", [Status.FAILED, Status.BANNED, Status.CANCELLED])
async def test_every_other_end_gives_the_credits_back(house: House, status: Status) -> None:
    key, task = await running(house)

    finished = await house.settles(task, Ending(status, error_code=1001, error_msg="it did not work"))

    assert finished
    assert (finished.status, finished.consumed, finished.result) == (status, 0, None)
    assert (finished.error_code, finished.error_msg) == (1001, "it did not work")
    assert await house.balance(key) == Balance(100, 0)
    assert await house.movements(task) == ["hold", "release"]
    assert await house.faults() == []


async def test_of_many_settlements_one_wins(house: House) -> None:
    key, task = await running(house)

    outcomes = await asyncio.gather(*(house.settles(task, DRAWN if n % 2 else BROKEN) for n in range(10)))

    [winner] = [outcome for outcome in outcomes if outcome]
    assert winner == await house.task(task)
    assert await house.balance(key) == Balance(100 - winner.consumed, 0)
    assert len(await house.movements(task)) == 2
    assert await events(house, task) == ["queued", "running", winner.status]
    assert await house.faults() == []


async def test_who_does_not_hold_the_lease_cannot_settle(house: House) -> None:
    _, task = await running(house)

    assert await house.settles(task, owner="somebody else") is None
    assert await house.settles(task, owner=None) is None
    assert (await house.task(task)).status is Status.RUNNING
    assert await house.movements(task) == ["hold"]


async def test_a_queued_task_cannot_be_settled_by_a_worker(house: House) -> None:
    task = await house.sends(await house.opens())

    assert await house.settles(task, owner="worker") is None
    assert (await house.task(task)).status is Status.QUEUED


async def test_after_a_rescue_the_first_worker_s_settlement_is_lost(house: House) -> None:
    _, task = await running(house, "slow")
    house.clock.pass_time(60)
    await house.rescues("rescuer")

    late = await house.settles(task, BROKEN, owner="slow")
    good = await house.settles(task, DRAWN, owner="rescuer")

    assert late is None
    assert good
    assert good.status is Status.SUCCESS
    assert await house.faults() == []


async def test_settlement_and_rescue_at_once_leave_one_of_two_clean_states(house: House) -> None:
    key = await house.opens(limit=100, opening=1000)
    tasks = [await house.sends(key) for _ in range(30)]
    await house.claims("slow")
    house.clock.pass_time(60)

    settled, rescued = await asyncio.gather(
        asyncio.gather(*(house.settles(task, owner="slow") for task in tasks)),
        asyncio.gather(*(house.rescues(f"rescuer-{n}", limit=4) for n in range(8))),
    )

    ended = {task.id for task in settled if task}
    taken = Counter(each.task.id for share in rescued for each in share)
    assert ended | taken.keys() == set(tasks)
    assert not ended & taken.keys()
    assert set(taken.values()) <= {1}
    assert await house.active(key) == len(taken)
    assert await house.faults() == []


async def test_an_unknown_task_cannot_be_settled(house: House) -> None:
    assert await house.settles(TaskId("00000000-0000-4000-8000-000000000000")) is None


async def test_settling_closes_what_the_journal_left_open(house: House) -> None:
    _, task = await running(house)
    await house.intends(task)
    await house.settles(task)

    [attempt] = await house.attempts(task)
    assert (attempt.state, attempt.outcome, attempt.closed_ms) == ("closed", "given_up", house.clock.now_ms())


# --- cancelling ---------------------------------------------------------------------------------------------------


async def test_a_waiting_task_is_cancelled_at_once(house: House) -> None:
    key = await house.opens(opening=100)
    task = await house.sends(key)

    cancelled = await house.cancel(key.account, task)

    assert cancelled.status is Status.CANCELLED
    assert cancelled == await house.task(task)
    assert await house.balance(key) == Balance(100, 0)
    assert await house.claims() == []
    assert house.signals.cancelled == []
    assert await house.faults() == []


async def test_a_running_task_is_asked_to_stop(house: House) -> None:
    key, task = await running(house)

    answered = await house.cancel(key.account, task)

    assert answered.status is Status.RUNNING
    assert (await house.task(task)).cancel_requested
    assert house.signals.cancelled == [task]


async def test_a_finished_task_stays_as_it_is(house: House) -> None:
    key, task = await running(house)
    finished = await house.settles(task)

    assert await house.cancel(key.account, task) == finished
    assert await house.faults() == []


async def test_cancelling_twice_is_cancelling_once(house: House) -> None:
    key = await house.opens(opening=100)
    task = await house.sends(key)

    first, second = await house.cancel(key.account, task), await house.cancel(key.account, task)

    assert first == second
    assert await house.balance(key) == Balance(100, 0)


async def test_another_account_s_task_is_not_found(house: House) -> None:
    key = await house.opens()
    task = await house.sends(key)

    with pytest.raises(Refusal) as refused:
        await house.cancel(AccountId("somebody"), task)

    assert refused.value.code is Code.TASK_NOT_FOUND
    assert (await house.task(task)).status is Status.QUEUED


async def test_the_operator_may_cancel_anybody_s(house: House) -> None:
    task = await house.sends(await house.opens())

    assert (await house.cancel(None, task)).status is Status.CANCELLED


async def test_cancellation_and_settlement_at_once_end_a_task_once(house: House) -> None:
    key, task = await running(house)

    settled, *_ = await asyncio.gather(
        house.settles(task), house.settles(task, CANCELLED_BY_CALLER), house.cancel(key.account, task)
    )

    final = await house.task(task)
    assert final.status is (Status.SUCCESS if settled else Status.CANCELLED)
    assert await house.balance(key) == Balance(100 - final.consumed, 0)
    assert await house.faults() == []


async def test_cancellation_and_claim_at_once_end_or_ask(house: House) -> None:
    key = await house.opens(limit=100)
    tasks = [await house.sends(key) for _ in range(40)]

    await asyncio.gather(
        *(house.cancel(key.account, task) for task in tasks), *(house.claims(f"w{n}", limit=5) for n in range(6))
    )

    for task in [await house.task(each) for each in tasks]:
        assert task.status is Status.CANCELLED or (task.status is Status.RUNNING and task.cancel_requested)
    assert await house.faults() == []


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
async def test_a_task_that_is_claimed_while_it_is_being_cancelled_hears_of_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the task and its end another process takes it: only servers with many writers allow that."""
    key = await house.opens()
    task = await house.sends(key)
    claimed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def claim_first(records: Records, *facts: object, **more: object) -> Task | None:
        asyncio.run_coroutine_threadsafe(house.claims(), loop).result(20)
        loop.call_soon_threadsafe(claimed.set)
        return real(records, *facts, **more)

    real = cancelling.settle
    monkeypatch.setattr(cancelling, "settle", claim_first)

    answered = await house.cancel(key.account, task)

    assert claimed.is_set()
    assert answered.status is Status.RUNNING
    assert (await house.task(task)).cancel_requested
    assert house.signals.cancelled == [task]


# --- the journal --------------------------------------------------------------------------------------------------


async def test_an_attempt_is_one_of_its_task_s_numbers(house: House) -> None:
    _, task = await running(house)
    await house.intends(task, 1)

    with pytest.raises(Exception, match=r"(?i)unique"):
        await house.store.run(lambda records: records.attempts.intend(intended(task, 1, 1)))

    assert len(await house.attempts(task)) == 1
