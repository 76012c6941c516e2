"""Load shedding: requests over the concurrency limit are refused at once with 503.

Reads have a limit of their own. Health checks and metrics are never refused.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limner.api.http.headers import media_type
from limner.api.http.middleware import LARGEST_JSON, MIB, AnswerError
from limner.application.accounts.fair_share import FairShare, observed_waits
from limner.domain.refusal import Overloaded
from limner.ports.acting_account import current_account

BODY_MEMORY = "limner.body_memory"
"""Key in the ASGI scope: the `BodyMemory` of the request."""

BEGINS_WAIT = "limner.begins_wait"
"""Key in the ASGI scope: call it when a request's work is done until its task ends. That counts as a completion."""

LEAVES_SLOT = "limner.leaves_slot"
"""Key in the ASGI scope: call it when requests with slots of their own do the rest. It counts no longer then."""

IN_PROCESS = "limner.in_process"
"""Key in the ASGI scope: true for a request that the server makes for another, whose memory its body is charged to."""

LARGE_BODY = 256 * 1024
"""Bodies of at least this many bytes are charged to the memory budget."""

FILE_MEMORY = 2 * MIB
"""Bytes charged for a file that is streamed to disk."""

WAIT_S = 5.0
"""How long a large body waits for memory: uploads come in bursts and each is short."""

MAX_WAITING = 200
"""Requests of one account that wait for memory."""

TARGET_S = 5.0
"""Requests are admitted only as far as they can be completed within this many seconds."""

MIN_OBSERVED_S = 1.0
"""How long completions are measured before the rate is used."""

MIN_CAPACITY = 16
"""Concurrent requests that are always admitted, whatever the completion rate."""

NEVER_SHED = {"/healthz", "/readyz", "/metrics"}


class CompletionRate:
    """Completed requests a second, measured over the last one to two windows of `TARGET_S` seconds."""

    __slots__ = ("_current", "_previous", "_since_s", "_window_start_s")

    def __init__(self, now_s: float) -> None:
        self._since_s = self._window_start_s = now_s
        self._previous = self._current = 0

    def count(self, now_s: float) -> None:
        self._current += 1
        if now_s - self._window_start_s >= TARGET_S:
            self._since_s, self._previous = self._window_start_s, self._current
            self._window_start_s, self._current = now_s, 0

    def in_seconds(self, seconds: float, now_s: float) -> float | None:
        """Completions expected in `seconds`; None before `MIN_OBSERVED_S` of measurement."""
        elapsed_s = now_s - self._since_s
        return (self._previous + self._current) / elapsed_s * seconds if elapsed_s >= MIN_OBSERVED_S else None


@dataclass(slots=True)
class ConcurrencyLimit:
    """A concurrency limit: at most `capacity`, and at most what the recent rate completes within `TARGET_S`.

    A request that waits for its client, or for its account's turn, is not counted; of the latter, one account may have
    half the capacity. `now_s` is a monotonic clock in seconds.
    """

    capacity: int
    now_s: Callable[[], float] = time.monotonic
    _busy: int = 0
    _waiting: "Counter[str]" = field(default_factory=Counter)
    _completions: "CompletionRate | None" = None

    def is_full(self) -> bool:
        if self._busy < min(MIN_CAPACITY, self.capacity):
            return False
        completable = self._completions.in_seconds(TARGET_S, self.now_s()) if self._completions else None
        return self._busy >= self.capacity or (completable is not None and self._busy > completable)

    def enter(self) -> None:
        self._busy += 1
        if self._busy >= MIN_CAPACITY and not self._completions:
            self._completions = CompletionRate(self.now_s())

    def leave(self) -> None:
        self._busy -= 1
        if self._busy < MIN_CAPACITY // 2:
            self._completions = None  # below saturation the rate measures demand, not capacity
        else:
            self.complete()

    def complete(self) -> None:
        """Count a piece of work as completed."""
        if self._completions:
            self._completions.count(self.now_s())

    def begin_wait(self, account: str) -> None:
        if self._waiting[account] >= max(1, self.capacity // 2):
            raise Overloaded("too many requests of this account wait for their turn")
        self._waiting[account] += 1
        self._busy -= 1

    def end_wait(self, account: str) -> None:
        self._busy += 1
        self._waiting[account] -= 1
        if not self._waiting[account]:
            del self._waiting[account]

    def pause(self) -> None:
        self._busy -= 1

    def resume(self) -> None:
        self._busy += 1


class Slot:
    """A request within a limit: it counts as one, and as nothing while it waits for its client or after `leave`."""

    __slots__ = ("_left", "_limit", "_waits")

    def __init__(self, limit: ConcurrencyLimit) -> None:
        self._limit, self._waits, self._left = limit, 0, False
        limit.enter()

    def leave(self) -> None:
        """Count no longer. A second call does nothing."""
        if self._left:
            return
        self._left = True
        if self._waits:
            self._limit.resume()
        self._limit.leave()

    def outside(self, receive: Receive, send: Send) -> tuple[Receive, Send]:
        """`receive` and `send` that do not count against the limit while they wait for the client."""

        async def receive_outside() -> Message:
            self._begin_wait()
            try:
                return await receive()
            finally:
                self._end_wait()

        async def send_outside(message: Message) -> None:
            self._begin_wait()
            try:
                await send(message)
            finally:
                self._end_wait()

        return receive_outside, send_outside

    def _begin_wait(self) -> None:
        self._waits += 1
        if self._waits == 1 and not self._left:
            self._limit.pause()

    def _end_wait(self) -> None:
        self._waits -= 1
        if not self._waits and not self._left:
            self._limit.resume()


class MemoryBudget:
    """Bytes for large bodies. A request that finds too few waits up to `WAIT_S`, and accounts take turns.

    One account may hold three quarters, so that large bodies that arrive slowly leave room for others; a larger body
    is admitted when its account has no other.
    """

    def __init__(self, capacity: int) -> None:
        self._share = FairShare(capacity, capacity * 3 // 4)

    @property
    def taken(self) -> int:
        return self._share.total

    async def take(self, size: int) -> tuple[str, int]:
        """Reserve `size` bytes, at most the whole budget, for the current account. Raises `TimeoutError`."""
        if self._share.waiting_of(current_account()) >= MAX_WAITING:
            raise TimeoutError
        async with asyncio.timeout(WAIT_S):
            return await self._share.acquire(size)

    def give(self, account: str, size: int) -> None:
        self._share.release(account, size)


@dataclass(slots=True)
class BodyMemory:
    """The bytes of the budget that a request holds for its body."""

    budget: MemoryBudget
    taken: tuple[str, int] | None

    def release(self) -> None:
        """Return them, once the body is no longer in memory; a second call does nothing."""
        taken, self.taken = self.taken, None
        if taken:
            self.budget.give(*taken)

    def until_received(self, receive: Receive) -> Receive:
        """`receive` that returns them at the end of the body: a file is on disk then."""

        async def receive_and_release() -> Message:
            message = await receive()
            if not message.get("more_body"):
                self.release()
            return message

        return receive_and_release


class LoadShedding:
    """Middleware: `at_once` concurrent writes and as many reads, and `memory` bytes for large bodies.

    `reading` are POST paths that only read. `held` tells of a path whether forms that come to it stay in memory; files
    and other forms are streamed to disk.
    """

    def __init__(
        self,
        app: ASGIApp,
        answer: AnswerError,
        *,
        at_once: int,
        memory: int,
        reading: Collection[str] = (),
        held: Callable[[str], bool] = lambda _path: False,
    ) -> None:
        self._app = app
        self._answer = answer
        self._changes = ConcurrencyLimit(at_once)
        self._reads = ConcurrencyLimit(at_once)
        self._memory = MemoryBudget(memory)
        self._read_paths = frozenset(reading)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in NEVER_SHED:
            await self._app(scope, receive, send)
            return
        size = self._memory_for(scope)
        try:
            taken = await self._memory.take(size) if size else None
        except TimeoutError:
            await self._refuse(scope, receive, send)
            return
        body_memory = scope[BODY_MEMORY] = BodyMemory(self._memory, taken)
        if self._is_streamed(scope):
            receive = body_memory.until_received(receive)
        try:
            await self._run(scope, receive, send)
        finally:
            body_memory.release()

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self._reads if self._only_reads(scope) else self._changes
        if limit.is_full():
            await self._refuse(scope, receive, send)
            return
        slot = Slot(limit)
        scope[BEGINS_WAIT], scope[LEAVES_SLOT] = limit.complete, slot.leave
        try:
            with observed_waits(limit):
                await self._app(scope, *slot.outside(receive, send))
        finally:
            slot.leave()

    def _only_reads(self, scope: Scope) -> bool:
        return scope["method"] in {"GET", "HEAD"} or scope["path"] in self._read_paths

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, Overloaded("the server is at its concurrency limit"))(scope, receive, send)

    def _memory_for(self, scope: Scope) -> int:
        """Bytes to reserve for the body: 0 for a small one, and 0 for one that will be refused as too large."""
        if scope["method"] in {"GET", "HEAD"} or IN_PROCESS in scope:
            return 0
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")
        size = int(declared) if declared.isdigit() and len(declared) < 20 else 0
        if self._is_streamed(scope):
            return FILE_MEMORY
        if size > LARGEST_JSON:
            return 0
        if "chunked" in headers.get("transfer-encoding", "") or "content-encoding" in headers:
            size = LARGEST_JSON
        return 2 * size if size >= LARGE_BODY else 0

    def _is_streamed(self, scope: Scope) -> bool:
        """Whether the body is a file, which is streamed to disk."""
        is_form = media_type(Headers(scope=scope)).startswith("multipart/")
        return scope["method"] == "PUT" or (is_form and not self._held(scope["path"]))
