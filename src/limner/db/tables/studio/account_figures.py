"""Figures of one account over a period: credits by day, and tasks by model and by end."""

from collections.abc import Sequence
from dataclasses import dataclass

from limner.db.sql import Db, Sql
from limner.domain.ids import AccountId


@dataclass(frozen=True, slots=True)
class DayOfCredits:
    """How much the credits to spend changed on one UTC day, counted from 1970; `granted` is part of `change`."""

    day: int
    change: int
    granted: int


@dataclass(frozen=True, slots=True)
class ModelUse:
    """The tasks of one model: all of them, those that ended with a picture, and the credits they consumed."""

    model: str
    tasks: int
    succeeded: int
    credits: int


_BY_DAY = Sql("""
    SELECT at_ms / 86400000 AS day, sum(available), sum(CASE WHEN movement = 'grant' THEN available ELSE 0 END)
    FROM ledger WHERE account = :account AND at_ms >= :since_ms GROUP BY at_ms / 86400000 ORDER BY day
""")
_BY_MODEL = Sql("""
    SELECT model, count(*), sum(CASE WHEN status = 'success' THEN 1 ELSE 0 END), sum(consumed)
    FROM tasks WHERE account = :account AND created_ms >= :since_ms GROUP BY model ORDER BY sum(consumed) DESC, model
""")
_UNSUCCESSFUL = Sql("""
    SELECT count(*) FROM tasks
    WHERE account = :account AND created_ms >= :since_ms AND status IN ('failed', 'banned', 'expired', 'cancelled')
""")


class AccountFigures:
    def __init__(self, db: Db) -> None:
        self._db = db

    def credits_by_day(self, account: AccountId, since_ms: int) -> Sequence[DayOfCredits]:
        return [DayOfCredits(*map(int, row)) for row in self._db.all(_BY_DAY, _period(account, since_ms))]

    def by_model(self, account: AccountId, since_ms: int) -> Sequence[ModelUse]:
        rows = self._db.all(_BY_MODEL, _period(account, since_ms))
        return [ModelUse(model, int(tasks), int(made), int(consumed)) for model, tasks, made, consumed in rows]

    def unsuccessful(self, account: AccountId, since_ms: int) -> int:
        """How many tasks ended without a picture."""
        return int(self._db.value(_UNSUCCESSFUL, _period(account, since_ms)))


def _period(account: AccountId, since_ms: int) -> dict[str, object]:
    return {"account": account, "since_ms": since_ms}
