"""Lanes of the webhook outbox: a due time, a breaker and an account for each webhook or host of per-task addresses.

`due_ms` is when a lane should be looked at next, NULL when it has no pending delivery. It is never later than the time
at which one of its deliveries could be sent, so a poll reads this table alone, and never the deliveries that wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from limner.db.sql import Db, Sql
from limner.domain.ids import AccountId
from limner.domain.routing.breaker import CLOSED, Breaker
from limner.domain.routing.failure import FailureKind


@dataclass(frozen=True, slots=True)
class DeliveryLane:
    """A lane that is due."""

    id: str
    account: AccountId


_DUE_ACCOUNTS = Sql("""
    WITH RECURSIVE walk(account, steps) AS (
        SELECT min(account), 1 FROM lanes WHERE due_ms IS NOT NULL AND account > :after
        UNION ALL
        SELECT (SELECT min(l.account) FROM lanes l WHERE l.due_ms IS NOT NULL AND l.account > walk.account), steps + 1
        FROM walk WHERE walk.account IS NOT NULL AND steps < :limit)
    SELECT walk.account, EXISTS (SELECT 1 FROM lanes l WHERE l.account = walk.account AND l.due_ms <= :now_ms)
    FROM walk WHERE walk.account IS NOT NULL ORDER BY walk.account
""")
_DUE_LANES = Sql("SELECT id FROM lanes WHERE account = :account AND due_ms <= :now_ms ORDER BY due_ms LIMIT :limit")
_BREAKER = "failures, openings, open_until_ms, kind, reason"
# Creates the row if it is missing, and locks it.
_LOCK = Sql(f"""
    INSERT INTO lanes (id, account) VALUES (:lane, :account) ON CONFLICT (id) DO UPDATE SET account = excluded.account
    RETURNING {_BREAKER}
""")
_TRY_LOCK = Sql(f"SELECT {_BREAKER} FROM lanes WHERE id = :lane {{skip_locked}}")
_SAVE = Sql("""
    UPDATE lanes SET failures = :failures, openings = :openings, open_until_ms = :open_until_ms, kind = :kind,
        reason = :reason, changed_ms = :now_ms
    WHERE id = :lane
""")
_MAKE_DUE = Sql("""
    INSERT INTO lanes (id, account, due_ms) VALUES (:lane, :account, :due_ms)
    ON CONFLICT (id) DO UPDATE SET account = excluded.account, due_ms = CASE
        WHEN lanes.due_ms IS NOT NULL AND lanes.due_ms <= excluded.due_ms THEN lanes.due_ms
        WHEN lanes.open_until_ms > excluded.due_ms THEN lanes.open_until_ms
        ELSE excluded.due_ms END
""")
_MAKE_ALL_DUE = Sql("""
    UPDATE lanes SET due_ms = CASE WHEN open_until_ms > :now_ms THEN open_until_ms ELSE :now_ms END
    WHERE id IN :lanes AND (due_ms IS NULL OR due_ms > :now_ms)
""")
_NEXT_DUE = Sql("SELECT due_ms FROM deliveries WHERE state = 'pending' AND lane = :lane ORDER BY due_ms LIMIT 1")
_NEXT_LEASE_END = Sql("""
    SELECT due_ms FROM deliveries WHERE state = 'pending' AND lane = :lane AND lease_owner IS NOT NULL
    ORDER BY due_ms LIMIT 1
""")
_SCHEDULE = Sql("UPDATE lanes SET due_ms = :due_ms, changed_ms = :now_ms WHERE id = :lane")
_IS_WAITING = Sql("SELECT 1 FROM lanes WHERE id = :lane AND due_ms IS NOT NULL")
_COUNT_WAITING = Sql("""
    SELECT count(*) FROM (SELECT 1 FROM lanes WHERE account = :account AND due_ms IS NOT NULL LIMIT :limit) waiting
""")
_DELETE_IDLE = Sql("""
    WITH idle AS MATERIALIZED (
        SELECT id FROM lanes WHERE due_ms IS NULL AND changed_ms <= :before_ms
        ORDER BY changed_ms LIMIT :limit {skip_locked})
    DELETE FROM lanes WHERE id IN (SELECT id FROM idle) RETURNING id
""")


class LaneTable:
    """The lanes. Every change of a delivery that makes it due earlier has to call `make_due`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def due_accounts(self, after: str, now_ms: int, limit: int) -> tuple[Sequence[AccountId], str]:
        """Accounts with a due lane among the next `limit` accounts above `after` that have waiting lanes.

        Also returns the last account read, for the next call; empty at the end.
        """
        rows = self._db.all(_DUE_ACCOUNTS, {"after": after, "now_ms": now_ms, "limit": limit})
        return [AccountId(account) for account, is_due in rows if is_due], rows[-1][0] if len(rows) == limit else ""

    def due(self, account: AccountId, now_ms: int, limit: int) -> Sequence[DeliveryLane]:
        """Due lanes of an account, those due longest."""
        rows = self._db.all(_DUE_LANES, {"account": account, "now_ms": now_ms, "limit": limit})
        return [DeliveryLane(row[0], account) for row in rows]

    def lock(self, lane: str, account: AccountId) -> Breaker:
        """Lock the lane until this unit of work is committed, and return its breaker."""
        row = self._db.one(_LOCK, {"lane": lane, "account": account})
        return _breaker(*row) if row else CLOSED

    def try_lock(self, lane: str) -> Breaker | None:
        """As `lock`, for a lane that exists; None when another transaction holds it."""
        row = self._db.one(_TRY_LOCK, {"lane": lane})
        return _breaker(*row) if row else None

    def save(self, lane: str, breaker: Breaker, now_ms: int) -> None:
        self._db.run(
            _SAVE,
            {
                "lane": lane,
                "failures": breaker.failures,
                "openings": breaker.openings,
                "open_until_ms": breaker.open_until_ms,
                "kind": breaker.kind,
                "reason": breaker.reason,
                "now_ms": now_ms,
            },
        )

    def make_due(self, lane: str, account: AccountId, due_ms: int) -> None:
        """Look at the lane at `due_ms`, or earlier if it is due earlier; not while its breaker is open."""
        self._db.run(_MAKE_DUE, {"lane": lane, "account": account, "due_ms": due_ms})

    def make_all_due(self, lanes: Sequence[str], now_ms: int) -> None:
        self._db.run(_MAKE_ALL_DUE, {"lanes": self._db.ids(lanes), "now_ms": now_ms})

    def schedule(self, lane: str, breaker: Breaker, now_ms: int, *, is_full: bool = False) -> None:
        """Set the lane's due time from its deliveries. The caller holds its lock.

        A lane that is due again goes behind the account's other due lanes. One that `is_full`, with as many deliveries
        in flight as it may have, is due when the first lease ends, unless an attempt is recorded before.
        """
        due_ms = self._db.value(_NEXT_LEASE_END if is_full else _NEXT_DUE, {"lane": lane})
        if due_ms is not None:
            due_ms = max(due_ms, now_ms, breaker.open_until_ms)
        self._db.run(_SCHEDULE, {"lane": lane, "due_ms": due_ms, "now_ms": now_ms})

    def may_wait(self, lane: str, account: AccountId, most: int) -> bool:
        """Whether a delivery may be added to this lane without more than `most` lanes of the account waiting."""
        if self._db.value(_IS_WAITING, {"lane": lane}) is not None:
            return True
        return int(self._db.value(_COUNT_WAITING, {"account": account, "limit": most})) < most

    def delete_idle(self, before_ms: int, limit: int) -> int:
        """Delete lanes without pending deliveries that are unchanged since `before_ms`; returns how many."""
        return len(self._db.all(_DELETE_IDLE, {"before_ms": before_ms, "limit": limit}))


def _breaker(failures: int, openings: int, open_until_ms: int, kind: str | None, reason: str | None) -> Breaker:
    return Breaker(failures, openings, open_until_ms, FailureKind(kind) if kind else None, reason)
