"""Credits: whole numbers, moved by ledger rows that are added and never changed.

Every movement is one ledger row with two amounts: the change of the credits that an account may spend, and of those
held for unfinished tasks. The balance of an account is the sum of its rows. A task opens with a hold and is
closed once, by a settlement or a release; the table's own uniqueness rule makes a second closing impossible.
"""

from dataclasses import dataclass
from enum import StrEnum


class MovementType(StrEnum):
    """Why credits moved."""

    GRANT = "grant"
    HOLD = "hold"
    SETTLE = "settle"
    RELEASE = "release"


class TaskEntry(StrEnum):
    """A task has at most one ledger row of each kind."""

    OPEN = "open"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A ledger row without account and time."""

    movement: MovementType
    available: int
    frozen: int
    leg: TaskEntry | None = None


def grant(amount: int) -> LedgerEntry:
    """Credits given by the operator; a negative amount takes them back."""
    return LedgerEntry(MovementType.GRANT, amount, 0)


def hold(price: int) -> LedgerEntry:
    """Credits held when a task is accepted."""
    return LedgerEntry(MovementType.HOLD, -price, price, TaskEntry.OPEN)


def settle(held: int, consumed: int) -> LedgerEntry:
    """The end of a charged task: `consumed` is spent, the rest of the hold is returned."""
    return LedgerEntry(MovementType.SETTLE, held - consumed, -held, TaskEntry.CLOSE)


def release(held: int) -> LedgerEntry:
    """The end of a task that is not charged."""
    return LedgerEntry(MovementType.RELEASE, held, -held, TaskEntry.CLOSE)


def closing(held: int, consumed: int) -> LedgerEntry:
    """The row that closes a task that consumed so much."""
    return settle(held, consumed) if consumed else release(held)


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account may spend, and what is held for unfinished tasks."""

    available: int
    frozen: int
