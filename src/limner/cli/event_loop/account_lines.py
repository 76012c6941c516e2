"""Callbacks that are ready to run, one line for each account."""

import asyncio
import heapq
import time
from collections import deque
from typing import Final

MIN_REMEMBERED: Final = 1_000
"""The use of this many accounts is kept before those that are not ahead of the others are forgotten."""


class AccountLines:
    """Gives accounts equal shares of time (start-time fair queueing); within a line, first come is first served.

    Times are in seconds. An account that was away gets no credit for it.
    """

    def __init__(self) -> None:
        self._lines: dict[str, deque[asyncio.Handle]] = {}
        self._order: list[tuple[float, int, str]] = []  # one entry for each line
        self._used: dict[str, float] = {}
        self._remembered = MIN_REMEMBERED
        self._now = 0.0
        self._added = 0

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, account: str, handle: asyncio.Handle) -> None:
        line = self._lines.get(account)
        if line is not None:
            line.append(handle)
            return
        used = self._used[account] = max(self._now, self._used.get(account, 0.0))
        self._added += 1
        heapq.heappush(self._order, (used, self._added, account))
        self._lines[account] = deque((handle,))

    def run_next(self, began_s: float, until_s: float) -> float:
        """Run one callback of the account that used the least; more of them while it is alone, until `until_s`.

        The times and the result are `time.perf_counter()`.
        """
        self._now, _, account = self._order[0]
        line, ended_s = self._lines[account], began_s
        try:
            while line:
                handle = line.popleft()
                if not handle.cancelled():
                    handle._run()  # noqa: SLF001 - as every event loop does
                ended_s = time.perf_counter()
                if len(self._lines) > 1 or ended_s >= until_s:
                    break
        finally:
            self._charge(account, time.perf_counter() - began_s)
        return ended_s

    def _charge(self, account: str, took_s: float) -> None:
        """Count the time, and put the account, which is the first, behind those that used less."""
        used = self._used[account] = self._used[account] + took_s
        if self._lines[account]:
            self._added += 1
            heapq.heapreplace(self._order, (used, self._added, account))
        else:
            del self._lines[account]
            heapq.heappop(self._order)
            self._forget()

    def _forget(self) -> None:
        """Forget what nobody's turn depends on. A look at all accounts is paid for by as many that came since."""
        if not self._lines:
            self._used.clear()
            self._remembered = MIN_REMEMBERED
        elif len(self._used) > self._remembered:
            self._used = {each: used for each, used in self._used.items() if used > self._now or each in self._lines}
            self._remembered = max(MIN_REMEMBERED, 2 * len(self._used))
