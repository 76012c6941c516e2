"""Shares a bounded resource fairly between accounts."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from limner.ports.acting_account import current_account


class WaitObserver(Protocol):
    """Is told while a request waits for its account's turn: such a request does not keep the server busy."""

    def begin_wait(self, account: str) -> None:
        """Raises `Overloaded` if too many requests of the account wait."""
        ...

    def end_wait(self, account: str) -> None: ...


_observer: ContextVar[WaitObserver | None] = ContextVar("limner_wait_observer", default=None)


@contextmanager
def observed_waits(observer: WaitObserver) -> Iterator[None]:
    """Tell `observer` of the waits within the block."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


@contextmanager
def _waiting(account: str) -> Iterator[None]:
    observer = _observer.get()
    if observer is None:
        yield
        return
    observer.begin_wait(account)
    try:
        yield
    finally:
        observer.end_wait(account)


@dataclass(eq=False, slots=True)
class _Waiter:
    account: str
    units: int
    start: int
    admitted: asyncio.Future[None]


class FairShare:
    """Admits work up to `capacity` units at once, at most `per_account` units of it for one account.

    Waiting accounts are served by start-time fair queueing: the account that was admitted the least goes first. Work
    of more than `per_account` units is admitted when its account has no other work. Bound to one event loop.
    """

    def __init__(self, capacity: int, per_account: int) -> None:
        self._capacity = capacity
        self._per_account = per_account
        self._used: Counter[str] = Counter()
        self._total = 0
        self._waiting: dict[str, deque[_Waiter]] = {}
        self._virtual_time = 0
        self._finish: dict[str, int] = {}

    @property
    def total(self) -> int:
        """Units in use."""
        return self._total

    def waiting_of(self, account: str) -> int:
        """How much work of an account waits."""
        return len(self._waiting.get(account, ()))

    @asynccontextmanager
    async def slot(self, units: int = 1, charge: int | None = None) -> AsyncIterator[None]:
        """Wait for `units` for the current account and hold them in the block. See `acquire` for `charge`."""
        account, units = await self.acquire(units, charge)
        try:
            yield
        finally:
            self.release(account, units)

    async def acquire(self, units: int = 1, charge: int | None = None) -> tuple[str, int]:
        """Wait for `units`, capped at the capacity. Pass the result to `release`.

        `charge` counts for the order of accounts in place of the units, where work of the same units differs.
        """
        account, units = current_account(), min(units, self._capacity)
        start = max(self._virtual_time, self._finish.get(account, 0))
        self._finish[account] = start + (charge or units)
        waiter = _Waiter(account, units, start, asyncio.get_running_loop().create_future())
        if not self._waiting and self._fits(waiter):
            self._count(waiter)
            return account, units
        self._waiting.setdefault(account, deque()).append(waiter)
        self._admit()
        try:
            if not waiter.admitted.done():
                with _waiting(account):
                    await waiter.admitted
        except BaseException:
            self._withdraw(waiter)
            raise
        return account, units

    def release(self, account: str, units: int) -> None:
        self._total -= units
        self._used[account] -= units
        if not self._used[account]:
            del self._used[account]
        self._admit()

    def _withdraw(self, waiter: _Waiter) -> None:
        if waiter.admitted.cancelled():
            self._leave(waiter)
            self._admit()
        else:
            self.release(waiter.account, waiter.units)

    def _admit(self) -> None:
        """Admit in fair order. The first that may run blocks later ones, so that small work cannot starve large."""
        while heads := [waiters[0] for waiters in self._waiting.values() if self._within_share(waiters[0])]:
            first = min(heads, key=lambda each: each.start)
            if not self._fits(first):
                break
            self._leave(first)
            self._count(first)
            first.admitted.set_result(None)
        if not self._waiting:
            self._finish = {name: end for name, end in self._finish.items() if end > self._virtual_time}

    def _leave(self, waiter: _Waiter) -> None:
        waiters = self._waiting[waiter.account]
        waiters.remove(waiter)
        if not waiters:
            del self._waiting[waiter.account]

    def _count(self, waiter: _Waiter) -> None:
        self._total += waiter.units
        self._used[waiter.account] += waiter.units
        self._virtual_time = max(self._virtual_time, waiter.start)

    def _fits(self, waiter: _Waiter) -> bool:
        return self._within_share(waiter) and self._total + waiter.units <= self._capacity

    def _within_share(self, waiter: _Waiter) -> bool:
        if waiter.admitted.done():  # cancelled, and about to withdraw
            return False
        used = self._used[waiter.account]
        return not used or used + waiter.units <= self._per_account
