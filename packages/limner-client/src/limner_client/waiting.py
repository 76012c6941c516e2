"""Waiting for the ends of tasks: one WebSocket for all of them, and polls for what it does not tell."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from limner_client.calls import PREFIX, Calls
from limner_client.errors import LimnerError, NothingFound, ServerFailed, ServerUnreachable, TooManyRequests
from limner_client.tasks import PictureTask, task_of
from limner_client.transport import TransportFailed

POLL_S, WATCHED_POLL_S = 1.0, 15.0
"""Between two polls without a WebSocket, and with one."""
RECONNECT_S, LONGEST_RECONNECT_S = 0.5, 30.0
OVERLAP = timedelta(seconds=10)
"""How much earlier than the last frame a new WebSocket begins, since clocks differ."""
BATCH = 100
_PASSING = (ServerUnreachable, ServerFailed, TooManyRequests)

OnProgress = Callable[[PictureTask], None]


@dataclass(eq=False, slots=True)
class _Wait:
    ended: asyncio.Future[PictureTask]
    on_progress: OnProgress | None


@dataclass(slots=True)
class Waiting:
    """All waits of a client. Its two loops run while somebody waits."""

    calls: Calls
    _waits: dict[str, list[_Wait]] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _is_watching: bool = False
    _loops: list[asyncio.Task[None]] = field(default_factory=list)

    async def until_ended(self, task_id: str, on_progress: OnProgress | None) -> PictureTask:
        """The task once it has ended. Raises `LimnerError` when that cannot be learned."""
        wait = _Wait(asyncio.get_running_loop().create_future(), on_progress)
        self._waits.setdefault(task_id, []).append(wait)
        self._news.set()
        if not self._loops:
            loops = (self._poll(), self._follow()) if self.calls.transport.can_watch else (self._poll(),)
            self._loops = [asyncio.create_task(loop) for loop in loops]
        try:
            return await wait.ended
        finally:
            await self._leave(task_id, wait)

    async def _leave(self, task_id: str, wait: _Wait) -> None:
        left = self._waits[task_id]
        left.remove(wait)
        if not left:
            del self._waits[task_id]
        if not self._waits:
            await self.stop()

    async def stop(self) -> None:
        loops, self._loops = self._loops, []
        for loop in loops:
            loop.cancel()
        for ended in await asyncio.gather(*loops, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    # --- polls ------------------------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        """Read what is waited for: at once when somebody begins to wait, then from time to time."""
        while True:
            self._news.clear()
            await self._read_all()
            with suppress(TimeoutError):
                async with asyncio.timeout(WATCHED_POLL_S if self._is_watching else POLL_S):
                    await self._news.wait()

    async def _read_all(self) -> None:
        wanted = list(self._waits)
        for first in range(0, len(wanted), BATCH):
            ids = wanted[first : first + BATCH]
            try:
                found = await self.calls.post("/task/batch", {"task_ids": ids})
            except _PASSING:
                return  # the next poll may get an answer
            except LimnerError as error:
                self._fail(ids, error)
                continue
            for raw in found["tasks"].values():
                self._take(raw)
            self._fail(found["missed"], None)

    # --- the WebSocket ----------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Follow all tasks of the account, on a new WebSocket whenever one breaks."""
        since, pause_s = None, RECONNECT_S
        while True:
            path = f"{PREFIX}/task/watch/all" + (f"/{since:%Y-%m-%dT%H:%M:%SZ}" if since else "")
            try:
                async with self.calls.transport.watch(path, self.calls.headers) as frames:
                    self._is_watching, pause_s = True, RECONNECT_S
                    self._news.set()  # what ended before the WebSocket was open is read once more
                    async for frame in frames:
                        since = datetime.now(UTC) - OVERLAP
                        self._take(frame["data"])
            except TransportFailed:
                pass
            self._is_watching = False
            self._news.set()
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_RECONNECT_S)

    # --- news -------------------------------------------------------------------------------------------------------

    def _take(self, raw: Mapping[str, Any]) -> None:
        waits = self._waits.get(str(raw.get("task_id")))
        if not waits:
            return
        task = task_of(raw)
        for wait in waits:
            if wait.on_progress is not None:
                wait.on_progress(task)
            if task.has_ended and not wait.ended.done():
                wait.ended.set_result(task)

    def _fail(self, ids: list[str], error: LimnerError | None) -> None:
        for task_id in ids:
            for wait in self._waits.get(task_id, ()):
                if not wait.ended.done():
                    wait.ended.set_exception(error or _missed(task_id))


def _missed(task_id: str) -> NothingFound:
    suggestion = f"There is no task {task_id} in this account."
    return NothingFound(404, {"code": 2001, "message": "Task not found", "suggestion": suggestion}, {})
