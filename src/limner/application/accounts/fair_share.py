"""Shares a bounded resource fairly between accounts."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_account: ContextVar[str] = ContextVar("limner_account", default="")


def act_for(account: str) -> None:
    """Charge shared resources to `account` for the rest of the current asyncio task and the tasks that it creates."""
    _account.set(account)


@contextmanager
def acting_for(account: str) -> Iterator[None]:
    """Charge shared resources to `account` within the block."""
    token = _account.set(account)
    try:
        yield
    finally:
        _account.reset(token)


def current_account() -> str:
    """The account that shared resources are charged to; empty outside of requests and tasks, as in commands."""
    return _account.get()


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
        self._waiters: list[_Waiter] = []
        self._virtual_time = 0
        self._finish: dict[str, int] = {}

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
        self._waiters.append(waiter)
        self._admit()
        try:
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
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            self._admit()
        else:
            self.release(waiter.account, waiter.units)

    def _admit(self) -> None:
        """Admit in fair order. The first that may run blocks later ones, so that small work cannot starve large."""
        while eligible := [each for each in self._waiters if self._within_share(each)]:
            first = min(eligible, key=lambda each: each.start)
            if self._total + first.units > self._capacity:
                break
            self._waiters.remove(first)
            self._total += first.units
            self._used[first.account] += first.units
            self._virtual_time = max(self._virtual_time, first.start)
            first.admitted.set_result(None)
        if not self._waiters:
            self._finish = {name: end for name, end in self._finish.items() if end > self._virtual_time}

    def _within_share(self, waiter: _Waiter) -> bool:
        if waiter.admitted.done():  # cancelled, and about to withdraw
            return False
        used = self._used[waiter.account]
        return not used or used + waiter.units <= self._per_account
