"""Settling a task: its status, credits, concurrency slot, journal, event and webhooks, in one unit of work."""

from limner.application.webhooks.outbox import enqueue_deliveries
from limner.db.records import Records
from limner.db.tables.attempts import LastDelivery
from limner.domain.accounts.budgets import periods_of
from limner.domain.accounts.credits import closing
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Ending, Result, Status, Task
from limner.domain.webhook import EVENT_OF_STATUS


def settle(
    records: Records,
    task: TaskId,
    ending: Ending,
    now_ms: int,
    *,
    owner: str | None,
    delivery: LastDelivery | None = None,
) -> Task | None:
    """End a task. `owner` is the worker that must still hold its lease; None ends a task that is still queued.

    `delivery` is the picture of `ending`, where the journal does not have it yet.
    Returns the finished task, or None when the task is no longer the caller's to end: then nothing was written.
    """
    finished = records.tasks.finish(task, ending, now_ms, owner=owner)
    if finished is None:
        return None
    # The slot before the balance, as when a task is accepted: the same lock order prevents deadlocks.
    records.accounts.release_slot(finished.account, finished.concurrency_group)
    entry = closing(finished.price, ending.consumed)
    unspent, periods = finished.price - ending.consumed, periods_of(finished.created_ms)
    records.accounts.close(finished.account, entry, unspent, periods)
    records.keys.release(task, unspent, periods)
    records.ledger.append(finished.account, entry, now_ms, task=task)
    if delivery:
        stored = Result.of(delivery.result["result"])
        # A crash of the database's server may have undone the pin, and the row with it.
        records.blobs.add(stored.blob, delivery.size, stored.media_type, now_ms)
        records.attempts.deliver_last(task, delivery, now_ms)
    else:
        records.attempts.close_open(task, now_ms, succeeded=ending.status is Status.SUCCESS)
    records.events.add(finished.account, task, ending.status, now_ms)
    enqueue_deliveries(records, finished, EVENT_OF_STATUS[ending.status], now_ms)
    return finished
