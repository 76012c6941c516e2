"""Callbacks that are ready to run, one line for each account."""

import asyncio
import heapq
import time
from collections import deque
from typing import Final

MAX_REMEMBERED: Final = 1_000
"""Accounts whose use is remembered although they have nothing to run; those ahead of the others are kept."""


class AccountLines:
    """Gives accounts equal shares of time (start-time fair queueing); within a line, first come is first served.

    Times are in seconds. An account that was away gets no credit for it.
    """

    def __init__(self) -> None:
        self._lines: dict[str, deque[asyncio.Handle]] = {}
        self._order: list[tuple[float, int, str]] = []
        self._used: dict[str, float] = {}
        self._now = 0.0
        self._added = 0

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, account: str, handle: asyncio.Handle) -> None:
        line = self._lines.get(account)
        if line is not None:
            line.append(handle)
            return
        self._lines[account] = deque((handle,))
        self._used[account] = max(self._now, self._used.get(account, 0.0))
        self._push(account)

    def run_next(self, began_s: float) -> float:
        """Run one callback of the account that used the least; `began_s` and the result are `time.perf_counter()`."""
        self._now, _, account = heapq.heappop(self._order)
        line = self._lines[account]
        handle = line.popleft()
        try:
            if not handle.cancelled():
                handle._run()  # noqa: SLF001 - as every event loop does
        finally:
            ended_s = time.perf_counter()
            self._used[account] += ended_s - began_s
            if line:
                self._push(account)
            else:
                self._leave(account)
        return ended_s

    def _push(self, account: str) -> None:
        self._added += 1
        heapq.heappush(self._order, (self._used[account], self._added, account))

    def _leave(self, account: str) -> None:
        del self._lines[account]
        if not self._lines:
            self._used.clear()
        elif len(self._used) > MAX_REMEMBERED + len(self._lines):
            self._used = {each: used for each, used in self._used.items() if used > self._now or each in self._lines}
