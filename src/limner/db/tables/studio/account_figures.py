"""Figures of one account over a period: credits by day, and tasks by what they share and by end."""

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
class SharedUse:
    """The tasks that share a model, a template or a key, named by `name`: how many ended with a picture, and credits.

    `name` is empty for tasks without a template, or made without a key.
    """

    name: str
    tasks: int
    succeeded: int
    credits: int


_BY_DAY = Sql("""
    SELECT at_ms / 86400000 AS day, sum(available), sum(CASE WHEN movement = 'grant' THEN available ELSE 0 END)
    FROM ledger WHERE account = :account AND at_ms >= :since_ms GROUP BY at_ms / 86400000 ORDER BY day
""")
_BY = {
    column: Sql(f"""
        SELECT coalesce({column}, ''), count(*), sum(CASE WHEN status = 'success' THEN 1 ELSE 0 END), sum(consumed)
        FROM tasks WHERE account = :account AND created_ms >= :since_ms
        GROUP BY coalesce({column}, '') ORDER BY sum(consumed) DESC, 1
    """)
    for column in ("model", "template", "api_key")
}
_SPENT = Sql("""
    SELECT coalesce(sum(consumed), 0) FROM tasks
    WHERE account = :account AND created_ms >= :since_ms AND created_ms < :until_ms
""")
_UNDER_WAY = Sql("SELECT count(*) FROM tasks WHERE account = :account AND status IN ('queued', 'running')")
_UNSUCCESSFUL = Sql("""
    SELECT count(*) FROM tasks
    WHERE account = :account AND created_ms >= :since_ms AND status IN ('failed', 'banned', 'expired', 'cancelled')
""")


class AccountFigures:
    def __init__(self, db: Db) -> None:
        self._db = db

    def credits_by_day(self, account: AccountId, since_ms: int) -> Sequence[DayOfCredits]:
        return [DayOfCredits(*map(int, row)) for row in self._db.all(_BY_DAY, _period(account, since_ms))]

    def by_model(self, account: AccountId, since_ms: int) -> Sequence[SharedUse]:
        return self._by("model", account, since_ms)

    def by_template(self, account: AccountId, since_ms: int) -> Sequence[SharedUse]:
        return self._by("template", account, since_ms)

    def by_key(self, account: AccountId, since_ms: int) -> Sequence[SharedUse]:
        """`name` is the key's id."""
        return self._by("api_key", account, since_ms)

    def _by(self, column: str, account: AccountId, since_ms: int) -> Sequence[SharedUse]:
        rows = self._db.all(_BY[column], _period(account, since_ms))
        return [SharedUse(name, int(tasks), int(made), int(consumed)) for name, tasks, made, consumed in rows]

    def spent(self, account: AccountId, since_ms: int, until_ms: int) -> int:
        """The credits of tasks that were created in this period."""
        return int(self._db.value(_SPENT, {"account": account, "since_ms": since_ms, "until_ms": until_ms}))

    def under_way(self, account: AccountId) -> int:
        return int(self._db.value(_UNDER_WAY, {"account": account}))

    def unsuccessful(self, account: AccountId, since_ms: int) -> int:
        """How many tasks ended without a picture."""
        return int(self._db.value(_UNSUCCESSFUL, _period(account, since_ms)))


def _period(account: AccountId, since_ms: int) -> dict[str, object]:
    return {"account": account, "since_ms": since_ms}
