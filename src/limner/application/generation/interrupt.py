"""Interrupting a running task: only while it waits for something outside the process, never while it writes."""

import asyncio
from collections.abc import Coroutine
from enum import StrEnum
from typing import Any, TypeVar, overload

T = TypeVar("T")


class Reason(StrEnum):
    """Why a running task is interrupted."""

    CANCEL = "cancel"
    LEASE_LOST = "lease_lost"
    SHUTDOWN = "shutdown"
    DEADLINE = "deadline"


class Interrupted(Exception):
    """A wait ended before its result came."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Interrupt:
    """A switch that ends a task's waits; the first reason given stays. Needs a running event loop."""

    def __init__(self) -> None:
        self._reason: asyncio.Future[Reason] = asyncio.get_running_loop().create_future()

    def __call__(self, reason: Reason) -> None:
        if not self._reason.done():
            self._reason.set_result(reason)

    @property
    def reason(self) -> Reason | None:
        return self._reason.result() if self._reason.done() else None

    def check(self, left_s: float) -> None:
        """Raise `Interrupted` when there is a reason to stop or no time is left."""
        if reason := self._reason_to_stop(left_s, None):
            raise Interrupted(reason)

    def _reason_to_stop(self, left_s: float, ignored: Reason | None) -> Reason | None:
        if self._reason.done() and self._reason.result() is not ignored:
            return self._reason.result()
        return Reason.DEADLINE if left_s <= 0 else None

    @overload
    async def wait_for(
        self, awaited: Coroutine[Any, Any, T], timeout_s: float, *, ignored: Reason | None = None
    ) -> T: ...

    @overload
    async def wait_for(
        self, awaited: Coroutine[Any, Any, T], timeout_s: float, *, unless: "asyncio.Future[None]"
    ) -> T | None: ...

    async def wait_for(
        self,
        awaited: Coroutine[Any, Any, T],
        timeout_s: float,
        *,
        ignored: Reason | None = None,
        unless: "asyncio.Future[None] | None" = None,
    ) -> T | None:
        """What `awaited` returns. Raises `Interrupted` when an interrupt comes or `timeout_s` passes first.

        `ignored` is a reason that does not end this wait. A result that arrives while `awaited` is being cancelled is
        returned: it may have been paid for. None when `unless` is done first.
        """
        if reason := self._reason_to_stop(timeout_s, ignored):
            awaited.close()
            raise Interrupted(reason)
        work = asyncio.ensure_future(awaited)
        either: set[asyncio.Future[Any]] = {work, self._reason}
        if unless:
            either.add(unless)
        try:
            await asyncio.wait(either, timeout=max(0.0, timeout_s), return_when=asyncio.FIRST_COMPLETED)
            if ignored and self._reason.done() and self._reason.result() is ignored:
                await asyncio.wait({work}, timeout=max(0.0, timeout_s))
            if not work.done():
                await _cancel(work)
                if work.cancelled() or work.exception():
                    if unless and unless.done() and not self._reason.done():
                        return None
                    raise Interrupted(self._reason.result() if self._reason.done() else Reason.DEADLINE)
            return work.result()
        finally:
            await _cancel(work)


async def _cancel(work: "asyncio.Future[Any]") -> None:
    """Cancel, and wait until the cancelled code has cleaned up."""
    if not work.done():
        work.cancel()
        await asyncio.wait({work})
