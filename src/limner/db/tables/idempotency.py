"""Idempotency keys, each bound to the task that it created."""

from dataclasses import dataclass

from limner.db.sql import Db, Sql
from limner.domain.ids import AccountId, TaskId


@dataclass(frozen=True, slots=True)
class IdempotentTask:
    digest: str
    task: TaskId


_REMEMBER = Sql("""
    INSERT INTO idempotency (account, key, digest, task, created_ms) VALUES (:account, :key, :digest, :task, :now_ms)
    ON CONFLICT (account, key) DO NOTHING RETURNING task
""")
_RECALL = Sql("SELECT digest, task, created_ms FROM idempotency WHERE account = :account AND key = :key")
_REBIND = Sql("""
    UPDATE idempotency SET digest = :digest, task = :task, created_ms = :now_ms
    WHERE account = :account AND key = :key
""")

IDEMPOTENCY_TTL_MS = 24 * 3600 * 1000
"""How long a key stays bound to its first answer."""


class IdempotencyTable:
    def __init__(self, db: Db) -> None:
        self._db = db

    def bind(self, account: AccountId, key: str, digest: str, task: TaskId, now_ms: int) -> IdempotentTask | None:
        """Bind the key to this task; when it was bound before, what it was bound to instead."""
        facts = {"account": account, "key": key, "digest": digest, "task": task, "now_ms": now_ms}
        # On PostgreSQL the insert waits for a twin that is still being answered: it then sees the twin's task.
        if self._db.one(_REMEMBER, facts):
            return None
        known = self._recall(account, key, now_ms)
        if known is None:
            self._db.run(_REBIND, facts)
        return known

    def _recall(self, account: AccountId, key: str, now_ms: int) -> IdempotentTask | None:
        row = self._db.one(_RECALL, {"account": account, "key": key})
        if row is None or row[2] + IDEMPOTENCY_TTL_MS <= now_ms:
            return None
        return IdempotentTask(row[0], TaskId(row[1]))
