"""The ledger: one hold and one closing entry per task, and every inconsistency is found."""

import pytest

from limner.db.records import Records
from limner.db.tables.keys import Key
from limner.domain.accounts.credits import Balance, grant
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Ending, Status
from stores import FAILED, SUCCEEDED, ServiceHarness


async def finished(service: ServiceHarness, key: Key, ending: Ending = SUCCEEDED) -> TaskId:
    task = await service.submit_task(key)
    await service.claim_tasks()
    assert await service.settle_task(task, ending)
    return task


async def test_a_paid_task_is_a_hold_and_a_settlement(service: ServiceHarness) -> None:
    key = await service.open_account(opening=100)
    task = await finished(service, key)

    rows = await service.store.read(lambda records: records.ledger.of_task(task))
    assert [(row.movement, row.available, row.frozen) for row in rows] == [("hold", -5, 5), ("settle", 0, -5)]
    assert await service.balance(key) == Balance(95, 0)


async def test_a_failed_task_is_a_hold_and_a_release(service: ServiceHarness) -> None:
    key = await service.open_account(opening=100)
    task = await finished(service, key, FAILED)

    rows = await service.store.read(lambda records: records.ledger.of_task(task))
    assert [(row.movement, row.available, row.frozen) for row in rows] == [("hold", -5, 5), ("release", 5, -5)]
    assert await service.balance(key) == Balance(100, 0)


LEDGER_ROW = """
    INSERT INTO ledger (account, task, leg, movement, available, frozen, at_ms)
    VALUES (:account, :task, {leg}, '{movement}', 5, -5, 1)
"""


@pytest.mark.parametrize("leg", ["'close'", "'again'", "NULL"])
@pytest.mark.parametrize("movement", ["settle", "release"])
async def test_a_second_closing_cannot_be_written_by_anybody(service: ServiceHarness, leg: str, movement: str) -> None:
    key = await service.open_account()
    task = await finished(service, key)

    with pytest.raises(Exception, match=r"(?i)constraint"):
        await service.execute_sql(LEDGER_ROW.format(leg=leg, movement=movement), account=key.account, task=task)

    assert await service.movements(task) == ["hold", "settle"]


async def test_a_second_hold_cannot_be_written_by_anybody(service: ServiceHarness) -> None:
    key = await service.open_account()
    task = await service.submit_task(key)

    with pytest.raises(Exception, match=r"(?i)constraint"):
        await service.execute_sql(LEDGER_ROW.format(leg="'open'", movement="hold"), account=key.account, task=task)

    assert await service.movements(task) == ["hold"]


@pytest.mark.parametrize("column", ["available", "frozen"])
async def test_a_balance_cannot_be_made_negative_by_anybody(service: ServiceHarness, column: str) -> None:
    key = await service.open_account(opening=3)

    with pytest.raises(Exception, match=f"{column}_not_negative"):
        await service.execute_sql(f"UPDATE accounts SET {column} = -1")  # noqa: S608 - one of two words of ours

    assert await service.balance(key) == Balance(3, 0)


async def test_a_busy_book_has_no_faults(service: ServiceHarness) -> None:
    key = await service.open_account(limit=100)
    for ending in (SUCCEEDED, FAILED, Ending(Status.BANNED), Ending(Status.CANCELLED)):
        await finished(service, key, ending)
    await service.submit_task(key)
    await service.claim_tasks()
    await service.submit_task(key)

    assert await service.ledger_faults() == []


# What somebody might do to a book with one finished task (:done), one failed (:failed), one running (:running) and one
# queued (:queued), all of :account, and the words in which the proof must tell it.
CORRUPTIONS = {
    "credits from nowhere": (
        ["UPDATE accounts SET available = available + 7 WHERE id = :account"],
        ["account {account} shows 992 credits, its ledger rows add up to 985"],
    ),
    "frozen credits from nowhere": (
        ["UPDATE accounts SET frozen = frozen + 1 WHERE id = :account"],
        ["account {account} shows 11 credits frozen, its ledger rows add up to 10"],
    ),
    "a grant is torn out": (
        ["DELETE FROM ledger WHERE movement = 'grant' AND account = :account"],
        ["account {account} shows 985 credits, its ledger rows add up to -15"],
    ),
    "a settlement is torn out and the balance made to fit": (
        [
            "DELETE FROM ledger WHERE task = :done AND leg = 'close'",
            "UPDATE accounts SET frozen = frozen + 5 WHERE id = :account",
        ],
        ["finished task {done} still holds 5 credits instead of 0"],
    ),
    "a release is torn out and the balance made to fit": (
        [
            "DELETE FROM ledger WHERE task = :failed AND leg = 'close'",
            "UPDATE accounts SET frozen = frozen + 5, available = available - 5 WHERE id = :account",
        ],
        [
            "finished task {failed} moved 5 credits, it consumed 0",
            "finished task {failed} still holds 5 credits instead of 0",
        ],
    ),
    "a whole passage is torn out and the balance made to fit": (
        [
            "DELETE FROM ledger WHERE task = :done",
            "UPDATE accounts SET available = available + 5 WHERE id = :account",
        ],
        ["finished task {done} moved 0 credits, it consumed 5"],
    ),
    "a settlement pays something back": (
        [
            "UPDATE ledger SET available = 2 WHERE task = :done AND leg = 'close'",
            "UPDATE accounts SET available = available + 2 WHERE id = :account",
        ],
        ["finished task {done} moved 3 credits, it consumed 5"],
    ),
    "a finished task says it was free": (
        ["UPDATE tasks SET consumed = 0 WHERE id = :done"],
        [
            "finished task {done} moved 5 credits, it consumed 0",
            "task {done} has a price of 5 credits but was charged 0",
            "key {key} counts 15 credits spent, its tasks add up to 10",
        ],
    ),
    "a success costs less than its price, and the ledger agrees": (
        [
            "UPDATE tasks SET consumed = 2 WHERE id = :done",
            "UPDATE ledger SET available = 3 WHERE task = :done AND leg = 'close'",
            "UPDATE accounts SET available = available + 3 WHERE id = :account",
        ],
        [
            "task {done} has a price of 5 credits but was charged 2",
            "key {key} counts 15 credits spent, its tasks add up to 12",
        ],
    ),
    "a failure is charged, and the ledger agrees": (
        [
            "UPDATE tasks SET consumed = 5 WHERE id = :failed",
            "UPDATE ledger SET available = 0 WHERE task = :failed AND leg = 'close'",
            "UPDATE accounts SET available = available - 5 WHERE id = :account",
        ],
        [
            "task {failed} is failed but was charged 5 credits",
            "key {key} counts 15 credits spent, its tasks add up to 20",
        ],
    ),
    "a task under way holds nothing": (
        [
            "DELETE FROM ledger WHERE task = :running",
            "UPDATE accounts SET frozen = frozen - 5, available = available + 5 WHERE id = :account",
        ],
        ["task {running} under way holds 0 credits, its price is 5"],
    ),
    "the price changes while a task waits": (
        ["UPDATE tasks SET price = 10 WHERE id = :queued"],
        [
            "task {queued} under way holds 5 credits, its price is 10",
            "key {key} counts 15 credits spent, its tasks add up to 20",
        ],
    ),
    "a finished task is put back into the queue": (
        ["UPDATE tasks SET status = 'queued' WHERE id = :done"],
        [
            "task {done} under way holds 0 credits, its price is 5",
            "task {done} is queued but was charged 5 credits",
            "account {account} counts 2 tasks under way in image, there are 3",
            "key {key} counts 2 tasks under way, there are 3",
        ],
    ),
    "a task disappears": (
        ["DELETE FROM prompt_words WHERE task = :queued", "DELETE FROM tasks WHERE id = :queued"],
        [
            "ledger row for task {queued}, which does not exist (hold, -5)",
            "account {account} counts 2 tasks under way in image, there are 1",
            "key {key} counts 2 tasks under way, there are 1",
            "key {key} counts 15 credits spent, its tasks add up to 10",
        ],
    ),
    "a task's credits come from another account": (
        [
            "UPDATE ledger SET account = :other WHERE task = :done",
            "UPDATE accounts SET available = available + 5 WHERE id = :account",
            "UPDATE accounts SET available = available - 5 WHERE id = :other",
        ],
        ["task {done} belongs to account {account}, its credits moved on {other}"],
    ),
    "the count under way is too high": (
        ["UPDATE buckets SET active = active + 1 WHERE account = :account"],
        ["account {account} counts 3 tasks under way in image, there are 2"],
    ),
    "a key's count of what it spent is too low": (
        ["UPDATE api_keys SET spent = spent - 1 WHERE id = :key"],
        ["key {key} counts 14 credits spent, its tasks add up to 15"],
    ),
    "a key's count of tasks under way is too high": (
        ["UPDATE api_keys SET active = active + 1 WHERE id = :key"],
        ["key {key} counts 3 tasks under way, there are 2"],
    ),
    "the count under way is lost": (
        ["DELETE FROM buckets WHERE account = :account"],
        ["account {account} counts 0 tasks under way in image, there are 2"],
    ),
}


@pytest.mark.parametrize("what", CORRUPTIONS)
async def test_the_proof_finds_it_when(service: ServiceHarness, what: str) -> None:
    statements, sentences = CORRUPTIONS[what]
    key, other = await service.open_account(opening=1000), await service.open_account("other", opening=50)
    done, failed = await finished(service, key), await finished(service, key, FAILED)
    running = await service.submit_task(key)
    await service.claim_tasks()
    queued = await service.submit_task(key)
    facts = {"done": done, "failed": failed, "running": running, "queued": queued, "other": other.account}
    facts |= {"account": key.account, "key": key.id}
    assert await service.ledger_faults() == []

    await service.execute_sql(*statements, **facts)

    assert sorted(await service.ledger_faults()) == sorted(sentence.format(**facts) for sentence in sentences)


async def test_a_settlement_that_violates_the_ledger_is_rolled_back_completely(service: ServiceHarness) -> None:
    """The closing row is there already, as if a second settlement had slipped past every fence."""
    key = await service.open_account()
    task = await service.submit_task(key)
    await service.claim_tasks()
    row = LEDGER_ROW.format(leg="'close'", movement="release")
    await service.execute_sql(row, account=key.account, task=task)

    with pytest.raises(Exception, match=r"(?i)unique"):
        await service.settle_task(task)

    assert (await service.task(task)).status is Status.RUNNING
    assert await service.active_tasks(key) == 1
    assert await service.balance(key) == Balance(995, 5)


async def test_a_ledger_row_without_a_task_can_be_written_any_number_of_times(service: ServiceHarness) -> None:
    key = await service.open_account(opening=1)

    def twice(records: Records) -> None:
        records.ledger.append(key.account, grant(1), 1)
        records.ledger.append(key.account, grant(1), 1)

    await service.store.run(twice)

    assert len(await service.query("SELECT id FROM ledger")) == 3
