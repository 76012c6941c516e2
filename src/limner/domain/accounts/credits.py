"""Credits: whole numbers, moved by rows that are only ever added.

Every movement is one ledger row with two amounts: what it does to the credits an account may spend and what it does to
those set aside for tasks under way. The balance of an account is the sum of its rows. A task opens with a hold and is
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
    """The two halves of a task's passage through the ledger."""

    OPEN = "open"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One row of the ledger, before it has an account and a time."""

    movement: MovementType
    available: int
    frozen: int
    leg: TaskEntry | None = None


def grant(amount: int) -> LedgerEntry:
    """Credits given (or, negative, taken back) by the operator."""
    return LedgerEntry(MovementType.GRANT, amount, 0)


def hold(price: int) -> LedgerEntry:
    """Credits set aside when a task is accepted."""
    return LedgerEntry(MovementType.HOLD, -price, price, TaskEntry.OPEN)


def settle(held: int, consumed: int) -> LedgerEntry:
    """The end of a task that is paid for; what was held beyond its price comes back."""
    return LedgerEntry(MovementType.SETTLE, held - consumed, -held, TaskEntry.CLOSE)


def release(held: int) -> LedgerEntry:
    """The end of a task that costs nothing."""
    return LedgerEntry(MovementType.RELEASE, held, -held, TaskEntry.CLOSE)


def closing(held: int, consumed: int) -> LedgerEntry:
    """The row that closes a task which consumed this much."""
    return settle(held, consumed) if consumed else release(held)


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account may spend, and what is set aside for tasks under way."""

    available: int
    frozen: int
