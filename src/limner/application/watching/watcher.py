"""One watch: a mailbox with the newest unread state of each task.

A newer state replaces an unread older one, so a slow reader misses intermediate states but never a final one. A watch
with too many unread tasks is ended.
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
"""Unread tasks per mailbox."""

MAX_VERSIONS = 100_000
"""Tasks whose version is remembered while the snapshot is still being replayed."""


class TaskChange:
    """A task's state after a change. `number` is the event's, `progress` the percentage displayed at that time."""

    __slots__ = ("frames", "number", "progress", "seen")

    def __init__(self, seen: TaskView, number: int, now_ms: int) -> None:
        self.seen = seen
        self.number = number
        self.progress = displayed_progress(seen.task, now_ms)
        self.frames: dict[str, str] = {}
        """The serialised message by its format, cached by the first watcher that sends it for all others."""

    @property
    def task(self) -> TaskId:
        return self.seen.task.id

    @property
    def final(self) -> bool:
        return self.seen.task.status.final


class WatchEnd(StrEnum):
    """Why a watch ended."""

    FINISHED = "finished"
    LEFT = "left"
    REVOKED = "revoked"
    SIGNED_OUT = "signed out"
    BEHIND = "behind"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class SnapshotPage:
    """One page of the snapshot, and the `Replay` of the next pages."""

    changes: Sequence[TaskChange]
    rest: "Replay | None"


Replay = Callable[[Records], SnapshotPage]
"""Reads a page of the snapshot."""


class Watcher:
    """A watch of one task, or of all tasks of an account. `replay` is the unread rest of the snapshot.

    `session` is the digest of a browser's session, with which the watch ends; None for a watch of an API key.
    """

    def __init__(self, key: Key, task: TaskId | None, replay: Replay, session: bytes | None = None) -> None:
        self.key = key
        self.session = session
        self.task = task
        self.replay: Replay | None = replay
        self.end: WatchEnd | None = None
        self._mailbox: dict[TaskId, TaskChange] = {}
        self._versions: dict[TaskId, int] = {}
        self._wake = asyncio.Event()

    def finish(self, end: WatchEnd) -> None:
        """End the watch; the first reason is kept."""
        self.end = self.end or end
        self._wake.set()

    def on_feed_change(self, change: TaskChange, cursor: FeedCursor) -> bool:
        """Accept a change from the feed, read up to `cursor`; returns whether it was new.

        Its version is remembered as long as the snapshot may contain the same change.
        """
        return self._accept(change, remember=self.replay is not None or not cursor.covers(change.number))

    def on_replay_change(self, change: TaskChange, cursor: FeedCursor) -> bool:
        """Accept a state from the snapshot; returns whether it was new. The feed may deliver the same change again."""
        return self._accept(change, remember=not cursor.covers(change.number))

    def on_progress(self, change: TaskChange) -> None:
        """Accept progress since the task's last event."""
        if change.number >= self._versions.get(change.task, -1):
            self._put(change)

    def take(self) -> TaskChange | None:
        """The next change, oldest task first; None when there is none."""
        for task in self._mailbox:
            return self._mailbox.pop(task)
        return None

    async def wait(self) -> None:
        """Return when there may be a change to take, or the watch has ended."""
        await self._wake.wait()
        self._wake.clear()

    @property
    def has_versions(self) -> bool:
        """Whether it remembers versions of tasks."""
        return bool(self._versions)

    def prune_versions(self, cursor: FeedCursor) -> bool:
        """Drop versions that neither snapshot nor feed, read up to `cursor`, can repeat; returns `has_versions`."""
        if self.replay is None:
            self._versions = {task: number for task, number in self._versions.items() if not cursor.covers(number)}
        return bool(self._versions)

    def _accept(self, change: TaskChange, *, remember: bool) -> bool:
        if change.number <= self._versions.get(change.task, -1):
            return False
        if remember:
            self._versions[change.task] = change.number
        return self._put(change)

    def _put(self, change: TaskChange) -> bool:
        unread = self._mailbox.get(change.task)
        if unread and unread.number > change.number:
            return False
        self._mailbox[change.task] = change
        if len(self._mailbox) > MAX_UNREAD or len(self._versions) > MAX_VERSIONS:
            self.finish(WatchEnd.BEHIND)
        self._wake.set()
        return True
