"""Idempotency keys, each bound to the task that it created."""

from dataclasses import dataclass

from limner.db.sql import Db, Sql
from limner.domain.ids import AccountId, TaskId

IDEMPOTENCY_TTL_MS = 24 * 3600 * 1000
"""How long a key is kept, bound to the task that it created. The API promises a day."""

# One statement decides: a second use of the key waits for the row, then sees the first one's binding.
_BIND = Sql("""
    INSERT INTO idempotency (account, key, digest, task, created_ms) VALUES (:account, :key, :digest, :task, :now_ms)
    ON CONFLICT (account, key) DO UPDATE
        SET digest = excluded.digest, task = excluded.task, created_ms = excluded.created_ms
        WHERE idempotency.created_ms <= :expired_ms
    RETURNING task
""")
_GET = Sql("SELECT digest, task FROM idempotency WHERE account = :account AND key = :key")
_REBIND = Sql("""
    INSERT INTO idempotency (account, key, digest, task, created_ms) VALUES (:account, :key, :digest, :task, :now_ms)
    ON CONFLICT (account, key) DO UPDATE
        SET digest = excluded.digest, task = excluded.task, created_ms = excluded.created_ms
""")
_GET_SINCE = Sql("""
    SELECT task FROM idempotency
    WHERE account = :account AND key = :key AND digest = :digest AND created_ms >= :since_ms
""")
_UNBIND = Sql("DELETE FROM idempotency WHERE account = :account AND key = :key")
_NEWEST = Sql("""
    SELECT task FROM idempotency
    WHERE account = :account AND key >= :from_key AND key < :to_key AND digest = :digest AND created_ms >= :since_ms
    ORDER BY created_ms DESC LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class IdempotentTask:
    """The task that a key is bound to, and the digest of the request that created it."""

    digest: str
    task: TaskId


class IdempotencyTable:
    def __init__(self, db: Db) -> None:
        self._db = db

    def bind(self, account: AccountId, key: str, digest: str, task: TaskId, now_ms: int) -> IdempotentTask | None:
        """Bind the key to this task, unless it is bound to one already; returns that one.

        A key that has expired is bound anew.
        """
        facts = {"account": account, "key": key, "digest": digest, "task": task, "now_ms": now_ms}
        while True:
            if self._db.one(_BIND, facts | {"expired_ms": now_ms - IDEMPOTENCY_TTL_MS}):
                return None
            if row := self._db.one(_GET, {"account": account, "key": key}):
                return IdempotentTask(row[0], TaskId(row[1]))
            # The janitor removed the row between the two statements.

    def rebind(self, account: AccountId, key: str, digest: str, task: TaskId, now_ms: int) -> None:
        """Bind the key to this task, whatever it was bound to."""
        facts = {"account": account, "key": key, "digest": digest, "task": task, "now_ms": now_ms}
        self._db.run(_REBIND, facts)

    def unbind(self, account: AccountId, key: str) -> None:
        self._db.run(_UNBIND, {"account": account, "key": key})

    def bound(self, account: AccountId, key: str, digest: str, since_ms: int) -> TaskId | None:
        """The task that the key is bound to, for a request with this digest, since then."""
        facts = {"account": account, "key": key, "digest": digest, "since_ms": since_ms}
        found = self._db.value(_GET_SINCE, facts)
        return TaskId(found) if found else None

    def newest(self, account: AccountId, prefix: str, digest: str, since_ms: int) -> TaskId | None:
        """The newest task whose key begins with `prefix`, an ASCII text, and whose request had this digest."""
        keys = {"from_key": prefix, "to_key": prefix[:-1] + chr(ord(prefix[-1]) + 1)}
        found = self._db.value(_NEWEST, keys | {"account": account, "digest": digest, "since_ms": since_ms})
        return TaskId(found) if found else None
