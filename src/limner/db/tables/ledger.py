"""The ledger of credits, and queries that find contradictions in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from limner.db.sql import Db, Sql
from limner.domain.accounts.credits import LedgerEntry
from limner.domain.ids import AccountId, TaskId


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row of the ledger."""

    id: int
    account: AccountId
    task: TaskId | None
    movement: str
    available: int
    frozen: int
    note: str | None
    at_ms: int


_APPEND = Sql("""
    INSERT INTO ledger (account, task, leg, movement, available, frozen, note, at_ms)
    VALUES (:account, :task, :leg, :movement, :available, :frozen, :note, :at_ms)
""")
_COLUMNS = "id, account, task, movement, available, frozen, note, at_ms"
_OF = Sql(f"SELECT {_COLUMNS} FROM ledger WHERE account = :account ORDER BY id DESC LIMIT :limit")
_OF_TASK = Sql(f"SELECT {_COLUMNS} FROM ledger WHERE task = :task ORDER BY id")

# Each query selects contradictions: (subject, actual value, expected value).
_PROOFS = (
    (
        "account {0} shows {1} credits, its ledger rows add up to {2}",
        Sql("""
            SELECT a.id, a.available, coalesce(sum(l.available), 0) FROM accounts a
            LEFT JOIN ledger l ON l.account = a.id
            GROUP BY a.id, a.available HAVING a.available <> coalesce(sum(l.available), 0)
        """),
    ),
    (
        "account {0} shows {1} credits frozen, its ledger rows add up to {2}",
        Sql("""
            SELECT a.id, a.frozen, coalesce(sum(l.frozen), 0) FROM accounts a
            LEFT JOIN ledger l ON l.account = a.id
            GROUP BY a.id, a.frozen HAVING a.frozen <> coalesce(sum(l.frozen), 0)
        """),
    ),
    (
        "finished task {0} moved {1} credits, it consumed {2}",
        Sql("""
            SELECT t.id, coalesce(sum(-l.available), 0), t.consumed FROM tasks t
            LEFT JOIN ledger l ON l.task = t.id
            WHERE t.status NOT IN ('queued', 'running')
            GROUP BY t.id, t.consumed HAVING coalesce(sum(-l.available), 0) <> t.consumed
        """),
    ),
    (
        "finished task {0} still holds {1} credits instead of {2}",
        Sql("""
            SELECT t.id, sum(l.frozen), 0 FROM tasks t JOIN ledger l ON l.task = t.id
            WHERE t.status NOT IN ('queued', 'running') GROUP BY t.id HAVING sum(l.frozen) <> 0
        """),
    ),
    (
        "task {0} under way holds {1} credits, its price is {2}",
        Sql("""
            SELECT t.id, coalesce(sum(l.frozen), 0), t.price FROM tasks t
            LEFT JOIN ledger l ON l.task = t.id
            WHERE t.status IN ('queued', 'running')
            GROUP BY t.id, t.price HAVING coalesce(sum(l.frozen), 0) <> t.price
        """),
    ),
    (
        "task {0} is {1} but was charged {2} credits",
        Sql("SELECT id, status, consumed FROM tasks WHERE consumed <> 0 AND status NOT IN ('success', 'cancelled')"),
    ),
    (
        "ledger row for task {0}, which does not exist ({1}, {2})",
        Sql("""
            SELECT l.task, l.movement, l.available FROM ledger l LEFT JOIN tasks t ON t.id = l.task
            WHERE l.task IS NOT NULL AND t.id IS NULL
        """),
    ),
    (
        "task {0} has a price of {1} credits but was charged {2}",
        Sql("""
            SELECT id, price, consumed FROM tasks
            WHERE (status = 'success' AND pictures = 1 AND consumed <> price)
               OR (status = 'cancelled' AND consumed NOT IN (0, price))
        """),
    ),
    (
        "task {0} was charged {1} credits for {2} of its {3} pictures",
        Sql("""
            SELECT id, consumed, made, pictures FROM (
                SELECT t.id, t.price, t.consumed, t.pictures, (
                    SELECT count(DISTINCT a.part) FROM attempts a WHERE a.task = t.id AND a.outcome = 'picture') AS made
                FROM tasks t WHERE t.status = 'success' AND t.pictures > 1) AS several
            WHERE consumed * pictures <> price * made
        """),
    ),
    (
        "task {0} belongs to account {1}, its credits moved on {2}",
        Sql("""
            SELECT DISTINCT t.id, t.account, l.account FROM ledger l JOIN tasks t ON t.id = l.task
            WHERE l.account <> t.account
        """),
    ),
    (
        "account {0} counts {2} tasks under way in {1}, there are {3}",
        Sql("""
            SELECT account, bucket, sum(counted), sum(there) FROM (
                SELECT account, bucket, active AS counted, 0 AS there FROM buckets
                UNION ALL
                SELECT account, bucket, 0, 1 FROM tasks WHERE status IN ('queued', 'running')) AS both_sides
            GROUP BY account, bucket HAVING sum(counted) <> sum(there)
        """),
    ),
    (
        "key {0} counts {1} tasks under way, there are {2}",
        Sql("""
            SELECT k.id, k.active, count(t.id) FROM api_keys k
            LEFT JOIN tasks t ON t.api_key = k.id AND t.status IN ('queued', 'running')
            GROUP BY k.id, k.active HAVING k.active <> count(t.id)
        """),
    ),
    (
        "key {0} counts {1} credits spent, its tasks add up to {2}",
        Sql("""
            SELECT k.id, k.spent,
                coalesce(sum(CASE WHEN t.status IN ('queued', 'running') THEN t.price ELSE t.consumed END), 0)
            FROM api_keys k LEFT JOIN tasks t ON t.api_key = k.id
            GROUP BY k.id, k.spent
            HAVING k.spent <> coalesce(
                sum(CASE WHEN t.status IN ('queued', 'running') THEN t.price ELSE t.consumed END), 0)
        """),
    ),
)


class LedgerTable:
    def __init__(self, db: Db) -> None:
        self._db = db

    def append(
        self,
        account: AccountId,
        entry: LedgerEntry,
        now_ms: int,
        *,
        task: TaskId | None = None,
        note: str | None = None,
    ) -> None:
        self._db.later(
            _APPEND,
            {
                "account": account,
                "task": task,
                "leg": entry.leg,
                "movement": entry.movement,
                "available": entry.available,
                "frozen": entry.frozen,
                "note": note,
                "at_ms": now_ms,
            },
        )

    def of(self, account: AccountId, limit: int) -> Sequence[LedgerRow]:
        return [_row(row) for row in self._db.all(_OF, {"account": account, "limit": limit})]

    def of_task(self, task: TaskId) -> Sequence[LedgerRow]:
        return [_row(row) for row in self._db.all(_OF_TASK, {"task": task})]

    def inconsistencies(self) -> Sequence[str]:
        """Every contradiction between ledger, balances, tasks and counts, one sentence each."""
        return [sentence.format(*row) for sentence, proof in _PROOFS for row in self._db.all(proof)]


def _row(row: Sequence[Any]) -> LedgerRow:
    return LedgerRow(**dict(zip(_COLUMNS.split(", "), row, strict=True)))
