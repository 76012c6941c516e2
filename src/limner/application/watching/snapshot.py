"""The snapshot that a watcher receives before live changes: current tasks, one page per read."""

from collections.abc import Mapping, Sequence

from limner.application.read import MAX_QUEUE_COUNT, TaskView, own_task
from limner.application.watching.watcher import Replay, SnapshotPage, TaskChange
from limner.db.records import Records
from limner.db.tables.events import FeedPosition
from limner.db.tables.tasks import TaskState
from limner.domain.ids import AccountId, TaskId
from limner.domain.tasks.task import Status
from limner.ports.clock import Clock

PAGE = 200
"""Tasks per read, few enough not to delay other readers of the database."""


def one_task(account: AccountId, task: TaskId, clock: Clock) -> Replay:
    """One task. The replay raises `Refusal` when the task is not the account's."""

    def read(records: Records) -> SnapshotPage:
        own_task(records, account, task)
        return SnapshotPage(load_changes(records, [task], clock.now_ms()), None)

    return read


def unfinished_tasks(account: AccountId, clock: Clock, after: TaskId | None = None) -> Replay:
    """The account's queued and running tasks."""

    def read(records: Records) -> SnapshotPage:
        tasks = records.tasks.unfinished_of(account, after, PAGE)
        rest = unfinished_tasks(account, clock, tasks[-1]) if len(tasks) == PAGE else None
        return SnapshotPage(load_changes(records, tasks, clock.now_ms()), rest)

    return read


def changed_since(account: AccountId, after: FeedPosition, clock: Clock) -> Replay:
    """The account's tasks that changed after this position, each once; one that changes meanwhile is repeated."""

    def read(records: Records) -> SnapshotPage:
        events = records.events.newest_of_account(account, after, PAGE)
        rest = (
            changed_since(account, FeedPosition(events[-1].at_ms, events[-1].number), clock)
            if len(events) == PAGE
            else None
        )
        return SnapshotPage(load_changes(records, [event.task for event in events], clock.now_ms()), rest)

    return read


def load_changes(records: Records, tasks: Sequence[TaskId], now_ms: int) -> list[TaskChange]:
    """The current state of these tasks, in this order; missing ones are left out."""
    if not tasks:
        return []
    states = {state.task.id: state for state in records.tasks.states(tasks)}
    ahead = _ahead(records, [task for task, state in states.items() if state.task.status is Status.QUEUED])
    return [_change(states[task], ahead, now_ms) for task in tasks if task in states]


def queue_positions(records: Records) -> dict[TaskId, int]:
    """The number of tasks ahead of each task at the front of the queue."""
    return {task: ahead for ahead, task in enumerate(records.tasks.queue_head(MAX_QUEUE_COUNT))}


def _ahead(records: Records, queued: Sequence[TaskId]) -> Mapping[TaskId, int]:
    """The number of tasks ahead of these: counted for one task, read from the whole queue for several."""
    if len(queued) == 1:
        return {queued[0]: records.tasks.count_ahead(queued[0], MAX_QUEUE_COUNT)}
    return queue_positions(records) if queued else {}


def _change(state: TaskState, ahead: Mapping[TaskId, int], now_ms: int) -> TaskChange:
    queued = state.task.status is Status.QUEUED
    seen = TaskView(state.task, ahead.get(state.task.id, MAX_QUEUE_COUNT) if queued else None)
    return TaskChange(seen, state.number, now_ms)
