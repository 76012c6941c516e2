"""Pages of lists for operators: accounts, failed attempts and the audit log, each read from an index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limner.db.sql import Db, Sql
from limner.db.tables.operations.audit_log import AuditEntry, audit_entry

SCAN_CAP = 10_000
"""Rows read for one page at most, however few of them are on it."""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account with its credits and the number of its keys in force. `tasks` is its own limit, if it has one."""

    id: str
    name: str
    created_ms: int
    available: int
    held: int
    weight: int
    tasks: int | None
    keys: int


@dataclass(frozen=True, slots=True)
class AccountQueue:
    """The unfinished tasks of one account, and when the oldest queued one was created."""

    account: str
    running: int
    queued: int
    oldest_queued_ms: int | None


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    id: str
    task: str
    account: str
    route: str
    kind: str
    reason: str | None
    detail: str | None
    charged: bool
    began_ms: int
    closed_ms: int | None


_ACCOUNTS = Sql("""
    SELECT a.id, a.name, a.created_ms, a.available, a.frozen, a.weight,
        (SELECT b.cap FROM buckets b WHERE b.account = a.id AND b.bucket = 'image'),
        (SELECT count(*) FROM api_keys k WHERE k.account = a.id AND k.revoked_ms IS NULL
            AND (k.expires_ms IS NULL OR k.expires_ms > :now_ms))
    FROM accounts a WHERE a.name > :after ORDER BY a.name LIMIT :limit
""")
_BY_ACCOUNT = Sql("""
    SELECT u.account, sum(CASE WHEN u.status = 'running' THEN 1 ELSE 0 END),
        sum(CASE WHEN u.status = 'queued' THEN 1 ELSE 0 END), min(CASE WHEN u.status = 'queued' THEN u.created_ms END)
    FROM (
        SELECT account, status, created_ms FROM tasks WHERE status IN ('queued','running')
        ORDER BY account, id LIMIT :cap) AS u
    GROUP BY u.account ORDER BY u.account
""")
_FAILURES = Sql("""
    SELECT f.id, f.task, t.account, f.route, f.outcome, f.reason, f.detail, f.charged, f.intended_ms, f.closed_ms
    FROM (
        SELECT * FROM attempts WHERE intended_ms >= :since_ms AND (intended_ms, id) < (:before_ms, :before_id)
        ORDER BY intended_ms DESC, id DESC LIMIT :cap) AS f
    JOIN tasks t ON t.id = f.task
    WHERE f.outcome IS NOT NULL AND f.outcome NOT IN ('picture', 'given_up')
    ORDER BY f.intended_ms DESC, f.id DESC LIMIT :limit
""")
_ENDS = Sql("""
    SELECT status, count(*) FROM tasks
    WHERE created_ms >= :since_ms AND status NOT IN ('queued', 'running') GROUP BY status
""")
_AUDIT = Sql("""
    SELECT id, at_ms, actor, act, subject, details FROM audit WHERE id < :before ORDER BY id DESC LIMIT :limit
""")


class AdminPageQueries:
    def __init__(self, db: Db) -> None:
        self._db = db

    def accounts(self, after: str, limit: int, now_ms: int) -> Sequence[AccountRow]:
        """Accounts by name, those after the name `after`."""
        return [AccountRow(*row) for row in self._db.all(_ACCOUNTS, {"after": after, "limit": limit, "now_ms": now_ms})]

    def by_account(self) -> Sequence[AccountQueue]:
        """Unfinished tasks by account, of the first `SCAN_CAP` tasks."""
        return [_queue(*row) for row in self._db.all(_BY_ACCOUNT, {"cap": SCAN_CAP})]

    def ends(self, since_ms: int) -> Mapping[str, int]:
        """How many tasks that were created since then have ended, by status."""
        return {status: int(count) for status, count in self._db.all(_ENDS, {"since_ms": since_ms})}

    def failures(self, since_ms: int, before: tuple[int, str], limit: int) -> Sequence[FailedAttempt]:
        """Failed attempts begun since then, the newest first, those before the time and id `before`."""
        facts = {"since_ms": since_ms, "before_ms": before[0], "before_id": before[1], "limit": limit, "cap": SCAN_CAP}
        return [_failed(*row) for row in self._db.all(_FAILURES, facts)]

    def audit(self, before: int, limit: int) -> Sequence[AuditEntry]:
        """Entries of the audit log, the newest first, those before the number `before`."""
        return [audit_entry(row) for row in self._db.all(_AUDIT, {"before": before, "limit": limit})]


def _queue(account: str, running: Any, queued: Any, oldest_ms: int | None) -> AccountQueue:
    return AccountQueue(account, int(running), int(queued), oldest_ms)


def _failed(*row: Any) -> FailedAttempt:
    attempt, task, account, route, kind, reason, detail, charged, began_ms, closed_ms = row
    return FailedAttempt(attempt, task, account, route, kind, reason, detail, bool(charged), began_ms, closed_ms)
