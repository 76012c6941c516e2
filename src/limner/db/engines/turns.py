"""A queue of units of work in which accounts take turns."""

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

LARGEST = 64
"""Units in one batch: enough to share the cost of a commit, few enough for the next one to come soon."""


class Turns(Generic[T]):
    """What waits, one line for each account. Within a line, first come is first served. Not safe for threads."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[T]] = {}  # the account whose turn it is comes first

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, account: str, item: T) -> None:
        self._lines.setdefault(account, deque()).append(item)

    def next_account(self) -> str | None:
        return next(iter(self._lines), None)

    def has(self, account: str) -> bool:
        return account in self._lines

    def take(self) -> T:
        """What comes next. Raises `KeyError` when nothing waits."""
        account = self.next_account()
        if account is None:
            raise KeyError
        line = self._lines.pop(account)
        item = line.popleft()
        if line:
            self._lines[account] = line
        return item


class BatchOfTurns(Generic[T]):
    """Takes items for one batch, also those that arrive while it runs, until it holds `LARGEST`.

    It ends sooner for an account that has no more items: those are done when the batch is, so nobody else gets a
    second one before that.
    """

    def __init__(self, turns: Turns[T]) -> None:
        self._turns = turns
        self._accounts: set[str] = set()
        self._taken = 0

    def take(self) -> T | None:
        """The next item; None where the batch ends."""
        account = self._turns.next_account()
        if account is None or self._taken >= LARGEST or (account in self._accounts and self._somebody_is_done()):
            return None
        if account:  # the units of loops, which nobody waits for, end no batch
            self._accounts.add(account)
        self._taken += 1
        return self._turns.take()

    def _somebody_is_done(self) -> bool:
        return not all(map(self._turns.has, self._accounts))
