"""Stopping a task where it can be stopped: while it waits for somebody else, never while it writes."""

import asyncio
from collections.abc import Coroutine
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")


class Reason(StrEnum):
    """Why a running task is interrupted."""

    CANCEL = "cancel"
    LEASE_LOST = "lease_lost"
    SHUTDOWN = "shutdown"
    DEADLINE = "deadline"


class Interrupted(Exception):
    """The wait was ended before what was waited for came."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Interrupt:
    """A switch that ends a task's waits; the first reason given stands."""

    def __init__(self) -> None:
        self._reason: asyncio.Future[Reason] = asyncio.get_running_loop().create_future()

    def __call__(self, reason: Reason) -> None:
        if not self._reason.done():
            self._reason.set_result(reason)

    @property
    def reason(self) -> Reason | None:
        return self._reason.result() if self._reason.done() else None

    def check(self, left_s: float) -> None:
        """Raise `Interrupted` where nothing may be begun any more: there is a reason to stop, or no time is left."""
        if reason := self._why_not(left_s, None):
            raise Interrupted(reason)

    def _why_not(self, left_s: float, through: Reason | None) -> Reason | None:
        if self._reason.done() and self._reason.result() is not through:
            return self._reason.result()
        return Reason.DEADLINE if left_s <= 0 else None

    async def wait_for(self, awaited: Coroutine[Any, Any, T], at_most_s: float, *, through: Reason | None = None) -> T:
        """What `awaited` returns. Raises `Interrupted` when the switch is thrown or the time is up first.

        `through` is a reason that does not end this wait. What comes while the other side is being stopped counts.
        """
        if reason := self._why_not(at_most_s, through):
            awaited.close()
            raise Interrupted(reason)
        work = asyncio.ensure_future(awaited)
        either: set[asyncio.Future[Any]] = {work, self._reason}
        try:
            await asyncio.wait(either, timeout=max(0.0, at_most_s), return_when=asyncio.FIRST_COMPLETED)
            if through and self._reason.done() and self._reason.result() is through:
                await asyncio.wait({work}, timeout=max(0.0, at_most_s))
            if not work.done():
                await _let_go(work)
                if work.cancelled() or work.exception():
                    raise Interrupted(self._reason.result() if self._reason.done() else Reason.DEADLINE)
            return work.result()
        finally:
            await _let_go(work)


async def _let_go(work: "asyncio.Future[Any]") -> None:
    """Cancel, and wait until the other side has put its things in order."""
    if not work.done():
        work.cancel()
        await asyncio.wait({work})
