"""Waiting for a task's end within one request. Nothing but a watch is held: no thread and no database connection."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from limner.application.read import TaskView
from limner.application.watching.watch import Watch
from limner.application.watching.watcher import WatchEnd, Watcher
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId


class WaitForEnd:
    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._watchers: set[Watcher] = set()
        self._stopped = False

    def stop(self) -> None:
        """End every wait, because the server stops; later ones end at once."""
        self._stopped = True
        for watcher in self._watchers:
            watcher.finish(WatchEnd.STOPPED)

    async def __call__(
        self, key: Key, task: TaskId, seconds: float, caller_left: Callable[[], Awaitable[None]]
    ) -> TaskView | None:
        """The task once it has ended; None where it has not within `seconds`, or its caller has left before.

        `caller_left` returns when the caller has. Raises `WatchLimitReached`.
        """
        async with aclosing(self.changes(key, task, seconds, caller_left)) as changes:
            async for seen in changes:
                if seen.task.status.final:
                    return seen
        return None

    async def changes(
        self, key: Key, task: TaskId, seconds: float, caller_left: Callable[[], Awaitable[None]]
    ) -> AsyncGenerator[TaskView, None]:
        """The task now and after each change, up to its end, for as long as `__call__` would wait for that."""
        if self._stopped:
            return
        async with self._watch.task(key, task) as watcher:
            self._watchers.add(watcher)
            if self._stopped:  # while the watch was opened
                watcher.finish(WatchEnd.STOPPED)
            timer = asyncio.get_running_loop().call_later(seconds, watcher.finish, WatchEnd.LEFT)
            leaving = asyncio.create_task(_finish_after(caller_left, watcher))
            try:
                async for change in self._watch.changes(watcher):
                    yield change.seen
            finally:
                self._watchers.discard(watcher)
                timer.cancel()
                leaving.cancel()
                await asyncio.gather(leaving, return_exceptions=True)


async def _finish_after(caller_left: Callable[[], Awaitable[None]], watcher: Watcher) -> None:
    await caller_left()
    watcher.finish(WatchEnd.LEFT)
