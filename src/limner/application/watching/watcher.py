"""Somebody who watches tasks: a mailbox that holds the newest state of each task until it is taken.

However slowly it is emptied, it costs no one else anything, and no end of a task is lost in it: a newer state takes the
place of an older one, and nothing is newer than an end. Who leaves too many tasks unread is shown out.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from limner.application.read import TaskView
from limner.db.records import Records
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId
from limner.domain.tasks.cursor import FeedCursor
from limner.domain.tasks.progress import displayed_progress

MAX_UNREAD = 10_000
"""Tasks that may wait in one mailbox."""

MAX_VERSIONS = 100_000
"""Tasks that may change while a watcher is still shown the past."""


class TaskChange:
    """A task as it became. `number` is the event that made it so, `progress` what it showed then."""

    __slots__ = ("frame", "number", "progress", "seen")

    def __init__(self, seen: TaskView, number: int, now_ms: int) -> None:
        self.seen = seen
        self.number = number
        self.progress = displayed_progress(seen.task, now_ms)
        self.frame: str | None = None
        """What the wire says of it, once the first watcher was told: the others are told the same."""

    @property
    def task(self) -> TaskId:
        return self.seen.task.id

    @property
    def final(self) -> bool:
        return self.seen.task.status.final


class WatchEnd(StrEnum):
    """Why a watch is over."""

    FINISHED = "finished"
    LEFT = "left"
    REVOKED = "revoked"
    BEHIND = "behind"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class SnapshotPage:
    """A part of what was there before the news, and how to read the rest."""

    changes: Sequence[TaskChange]
    rest: "Replay | None"


Replay = Callable[[Records], SnapshotPage]
"""Reads what a watcher is to be shown first: a page of it."""


class Watcher:
    """One watch, of one task or of all tasks of an account. `replay` is what it is still to be shown of the past."""

    def __init__(self, key: Key, task: TaskId | None, replay: Replay) -> None:
        self.key = key
        self.task = task
        self.replay: Replay | None = replay
        self.end: WatchEnd | None = None
        self._mailbox: dict[TaskId, TaskChange] = {}
        self._known: dict[TaskId, int] = {}
        self._woken = asyncio.Event()

    def finish(self, end: WatchEnd) -> None:
        """End the watch; the first reason given stands."""
        self.end = self.end or end
        self._woken.set()

    def hear(self, change: TaskChange, mark: FeedCursor) -> bool:
        """Take in what the feed says, read up to `mark`; whether it was new. The past may come to it once more."""
        return self._learn(change, again=self.replay is not None or not mark.covers(change.number))

    def on_replay_change(self, change: TaskChange, mark: FeedCursor) -> bool:
        """Take in what the past says; whether it was new. The feed may come to it once more."""
        return self._learn(change, again=not mark.covers(change.number))

    def tick(self, change: TaskChange) -> None:
        """Take in how far a task has come since its last event."""
        if change.number >= self._known.get(change.task, -1):
            self._put(change)

    def take(self) -> TaskChange | None:
        """The next change, oldest task first; None when there is none."""
        for task in self._mailbox:
            return self._mailbox.pop(task)
        return None

    async def wait(self) -> None:
        """Return when there may be something to take, or the watch is over."""
        await self._woken.wait()
        self._woken.clear()

    @property
    def knows(self) -> bool:
        """Whether it remembers anything."""
        return bool(self._known)

    def prune_versions(self, mark: FeedCursor) -> bool:
        """Forget what neither the past nor the feed, read up to `mark`, comes to again; whether anything is left."""
        if self.replay is None:
            self._known = {task: number for task, number in self._known.items() if not mark.covers(number)}
        return bool(self._known)

    def _learn(self, change: TaskChange, *, again: bool) -> bool:
        if change.number <= self._known.get(change.task, -1):
            return False
        if again:
            self._known[change.task] = change.number
        return self._put(change)

    def _put(self, change: TaskChange) -> bool:
        waiting = self._mailbox.get(change.task)
        if waiting and waiting.number > change.number:
            return False
        self._mailbox[change.task] = change
        if len(self._mailbox) > MAX_UNREAD or len(self._known) > MAX_VERSIONS:
            self.finish(WatchEnd.BEHIND)
        self._woken.set()
        return True
