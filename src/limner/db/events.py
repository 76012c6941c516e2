"""What happened to tasks, in order, and what was promised under an idempotency key."""

from limner.db.sql import Db, Sql
from limner.domain.ids import AccountId, TaskId
from limner.domain.task import Status
from limner.ports.records import Remembered

_ADD = Sql("INSERT INTO task_events (account, task, status, at_ms) VALUES (:account, :task, :status, :at_ms)")
_REMEMBER = Sql("""
    INSERT INTO idempotency (account, key, digest, task, created_ms) VALUES (:account, :key, :digest, :task, :now_ms)
    ON CONFLICT (account, key) DO NOTHING RETURNING task
""")
_RECALL = Sql("SELECT digest, task, created_ms FROM idempotency WHERE account = :account AND key = :key")
_REBIND = Sql("""
    UPDATE idempotency SET digest = :digest, task = :task, created_ms = :now_ms
    WHERE account = :account AND key = :key
""")

MEMORY_MS = 24 * 3600 * 1000
"""How long a key stays bound to its first answer."""


class SqlEvents:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, account: AccountId, task: TaskId, status: Status, now_ms: int) -> None:
        self._db.run(_ADD, {"account": account, "task": task, "status": status, "at_ms": now_ms})


class SqlIdempotency:
    def __init__(self, db: Db) -> None:
        self._db = db

    def remember(self, account: AccountId, key: str, digest: str, task: TaskId, now_ms: int) -> Remembered | None:
        facts = {"account": account, "key": key, "digest": digest, "task": task, "now_ms": now_ms}
        # On PostgreSQL the insert waits for a twin that is still being answered: it then sees the twin's task.
        if self._db.one(_REMEMBER, facts):
            return None
        known = self._recall(account, key, now_ms)
        if known is None:
            self._db.run(_REBIND, facts)
        return known

    def _recall(self, account: AccountId, key: str, now_ms: int) -> Remembered | None:
        row = self._db.one(_RECALL, {"account": account, "key": key})
        if row is None or row[2] + MEMORY_MS <= now_ms:
            return None
        return Remembered(row[0], TaskId(row[1]))
