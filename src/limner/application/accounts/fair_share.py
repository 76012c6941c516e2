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
    cost: int
    start: int
    admitted: asyncio.Future[None]


class FairShare:
    """Admits work up to `capacity` units at once, at most `per_account` units of it for one account.

    Waiting accounts are served by start-time fair queueing: the account that was admitted the least goes first. Work
    that costs more than `per_account` is admitted when its account has no other work. Bound to one event loop.
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
    async def slot(self, cost: int = 1) -> AsyncIterator[None]:
        """Wait for `cost` units for the current account and hold them in the block."""
        account, cost = await self.acquire(cost)
        try:
            yield
        finally:
            self.release(account, cost)

    async def acquire(self, cost: int = 1) -> tuple[str, int]:
        """Wait for `cost` units, capped at the capacity. Pass the result to `release`."""
        account, cost = current_account(), min(cost, self._capacity)
        start = max(self._virtual_time, self._finish.get(account, 0))
        self._finish[account] = start + cost
        waiter = _Waiter(account, cost, start, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        self._admit()
        try:
            await waiter.admitted
        except BaseException:
            self._withdraw(waiter)
            raise
        return account, cost

    def release(self, account: str, cost: int) -> None:
        self._total -= cost
        self._used[account] -= cost
        if not self._used[account]:
            del self._used[account]
        self._admit()

    def _withdraw(self, waiter: _Waiter) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            self._admit()
        else:
            self.release(waiter.account, waiter.cost)

    def _admit(self) -> None:
        """Admit in fair order. The first that may run blocks later ones, so that small work cannot starve large."""
        while eligible := [each for each in self._waiters if self._within_share(each)]:
            first = min(eligible, key=lambda each: each.start)
            if self._total + first.cost > self._capacity:
                break
            self._waiters.remove(first)
            self._total += first.cost
            self._used[first.account] += first.cost
            self._virtual_time = max(self._virtual_time, first.start)
            first.admitted.set_result(None)
        if not self._waiters:
            self._finish = {name: end for name, end in self._finish.items() if end > self._virtual_time}

    def _within_share(self, waiter: _Waiter) -> bool:
        if waiter.admitted.done():  # cancelled, and about to withdraw
            return False
        used = self._used[waiter.account]
        return not used or used + waiter.cost <= self._per_account
