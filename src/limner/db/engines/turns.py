"""A queue of units of work in which accounts take turns."""

from collections import deque
from collections.abc import Collection
from typing import Generic, TypeVar

T = TypeVar("T")

LARGEST = 64
"""Units in one batch: enough to share the cost of a commit, few enough for the next one to come soon."""


class Turns(Generic[T]):
    """What waits, one line for each account. Within a line, first come is first served. Not safe for threads."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[T]] = {}  # the account whose turn it is comes first

    def add(self, account: str, item: T) -> None:
        self._lines.setdefault(account, deque()).append(item)

    def next_account(self, busy: Collection[str] = ()) -> str | None:
        """The account whose turn it is, of those that are not `busy`; None when none of them waits."""
        return next((account for account in self._lines if account not in busy), None)

    def has(self, account: str) -> bool:
        return account in self._lines

    def first(self, account: str) -> T:
        """What comes next of this account. Raises `KeyError` when nothing of it waits."""
        return self._lines[account][0]

    def take(self, account: str) -> T:
        """What comes next of this account, whose turn is over then. Raises `KeyError` when nothing of it waits."""
        line = self._lines.pop(account)
        item = line.popleft()
        if line:
            self._lines[account] = line
        return item


class BatchRule:
    """Decides which account's item goes next into a batch.

    A batch ends with `LARGEST` items. It ends sooner where an account is in it that has no more items: those are done
    when the batch is, so nobody else gets a second one before that.
    """

    def __init__(self) -> None:
        self._accounts: set[str] = set()
        self._taken = 0

    def next_account(self, turns: Turns[T], busy: Collection[str] = ()) -> str | None:
        """The account, of which an item is to be taken now; None where the batch ends."""
        account = turns.next_account(busy)
        if account is None or self._taken >= LARGEST or self._ends_before(account, turns):
            return None
        if account:  # the units of loops, which nobody waits for, end no batch
            self._accounts.add(account)
        self._taken += 1
        return account

    def _ends_before(self, account: str, turns: Turns[T]) -> bool:
        return account in self._accounts and not all(map(turns.has, self._accounts))


class BatchOfOneAccount(BatchRule):
    """The same for items that gain nothing from sharing a batch: one that takes long must not delay another account's.

    The batch ends before the item of another account.
    """

    def _ends_before(self, account: str, turns: Turns[T]) -> bool:  # noqa: ARG002 - as its base
        return self._taken > 0 and account not in self._accounts
