"""How much is worked on at once. What is more than that is refused at once, before it costs anything.

So what was let in is done in good time, memory stays where it is, and when the crowd has gone all is as before. Reads
have room of their own; whether the service lives is always told.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limner.api.http.middleware import LARGEST_JSON, MIB, AnswerError
from limner.domain.refusal import Overloaded

LARGE = 256 * 1024
"""From this size on a body counts for the memory it takes."""

FILE_MEMORY = 2 * MIB
"""What a file on its way to the disk takes of it."""

WAIT_S = 5.0
"""How long a large body waits for memory: uploads come in crowds, and each is soon done."""

MOST_WAITING = 200

SOON_S = 5.0
"""In how many seconds what was let in shall be done."""

WARM_S = 1.0
"""For how long the pace is watched before anything is concluded from it."""

FEW = 16
"""So many are let in at any pace."""

ALWAYS = {"/healthz", "/readyz"}


class CompletionRate:
    """How much was done lately: over the last seconds, one to two times `SOON_S` of them."""

    __slots__ = ("_done", "_done_before", "_since_s", "_turn_s")

    def __init__(self, now_s: float) -> None:
        self._since_s = self._turn_s = now_s
        self._done_before = self._done = 0

    def count(self, now_s: float) -> None:
        self._done += 1
        if now_s - self._turn_s >= SOON_S:
            self._since_s, self._done_before = self._turn_s, self._done
            self._turn_s, self._done = now_s, 0

    def in_seconds(self, seconds: float, now_s: float) -> float | None:
        """How much is done in so long; None while too little is known."""
        elapsed_s = now_s - self._since_s
        return (self._done_before + self._done) / elapsed_s * seconds if elapsed_s >= WARM_S else None


@dataclass(slots=True)
class RequestLane:
    """Room for so many requests at once, and for no more than are done in `SOON_S` at the pace of the last seconds.

    Who waits for a client takes no room. `now_s` is the time that it all is measured by.
    """

    room: int
    now_s: Callable[[], float] = time.monotonic
    _busy: int = 0
    _crowded: "CompletionRate | None" = None

    def is_full(self) -> bool:
        if self._busy < min(FEW, self.room):
            return False
        soon = self._crowded.in_seconds(SOON_S, self.now_s()) if self._crowded else None
        return self._busy >= self.room or (soon is not None and self._busy > soon)

    def enter(self) -> None:
        self._busy += 1
        if self._busy >= FEW and not self._crowded:
            self._crowded = CompletionRate(self.now_s())

    def leave(self) -> None:
        self._busy -= 1
        if self._busy < FEW // 2:
            self._crowded = None  # a pace without a crowd says how much was asked, not how much could be done
        elif self._crowded:
            self._crowded.count(self.now_s())

    def away(self, receive: Receive, send: Send) -> tuple[Receive, Send]:
        """The same, but outside of the lane."""

        async def receive_away() -> Message:
            self._busy -= 1
            try:
                return await receive()
            finally:
                self._busy += 1

        async def send_away(message: Message) -> None:
            self._busy -= 1
            try:
                await send(message)
            finally:
                self._busy += 1

        return receive_away, send_away


@dataclass(slots=True)
class MemoryBudget:
    """Bytes for large bodies. Who finds too few waits in line, for a while."""

    room: int
    taken: int = 0
    _line: "deque[tuple[int, asyncio.Future[None]]]" = field(default_factory=deque)

    async def take(self, size: int) -> int:
        """Take so much, or all there is when that is less; how much that was. Raises `TimeoutError` without."""
        size = min(size, self.room)
        if not self._line and self.taken + size <= self.room:
            self.taken += size
            return size
        if len(self._line) >= MOST_WAITING:
            raise TimeoutError
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append((size, turn))
        try:
            async with asyncio.timeout(WAIT_S):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # it was ours at the last moment
                self.give(size)
            elif (size, turn) in self._line:
                self._line.remove((size, turn))
            raise
        return size

    def give(self, size: int) -> None:
        self.taken -= size
        while self._line and self.taken + self._line[0][0] <= self.room:
            wanted, turn = self._line.popleft()
            if not turn.done():
                self.taken += wanted
                turn.set_result(None)


class LoadShedding:
    """`at_once` requests that change something and as many that only read; `memory` bytes for large bodies.

    `reading` are the paths that only read although they are posted to.
    """

    def __init__(
        self, app: ASGIApp, answer: AnswerError, at_once: int, memory: int, reading: Collection[str] = ()
    ) -> None:
        self._app = app
        self._answer = answer
        self._changes = RequestLane(at_once)
        self._reads = RequestLane(at_once)
        self._memory = MemoryBudget(memory)
        self._reading = frozenset(reading)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in ALWAYS:
            await self._app(scope, receive, send)
            return
        size = _memory_for(scope)
        try:
            taken = await self._memory.take(size) if size else 0
        except TimeoutError:
            await self._refuse(scope, receive, send)
            return
        try:
            await self._run(scope, receive, send)
        finally:
            self._memory.give(taken)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        lane = self._reads if self._only_reads(scope) else self._changes
        if lane.is_full():
            await self._refuse(scope, receive, send)
            return
        lane.enter()
        try:
            await self._app(scope, *lane.away(receive, send))
        finally:
            lane.leave()

    def _only_reads(self, scope: Scope) -> bool:
        return scope["method"] in {"GET", "HEAD"} or scope["path"] in self._reading

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, Overloaded("the server has as much to do as it can"))(scope, receive, send)


def _memory_for(scope: Scope) -> int:
    """Bytes that the body will take; none for a small one, and none for one that is too large to be taken at all."""
    if scope["method"] in {"GET", "HEAD"}:
        return 0
    headers = Headers(scope=scope)
    announced = headers.get("content-length", "")
    size = int(announced) if announced.isdigit() and len(announced) < 20 else 0
    if size > LARGEST_JSON:
        return 0
    if scope["method"] == "PUT" or headers.get("content-type", "").startswith("multipart/"):
        return FILE_MEMORY
    if "chunked" in headers.get("transfer-encoding", ""):
        size = LARGEST_JSON
    return 2 * size if size >= LARGE else 0
