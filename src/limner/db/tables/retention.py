"""What is removed after its time, or on demand: pictures, words, events. The figures stay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limner.db.sql import Db, Sql, dump
from limner.db.tables.blobs import INPUT, RESULT, UPLOAD, release
from limner.domain.ids import AccountId, BlobId, TaskId


@dataclass(frozen=True, slots=True)
class Erasure:
    """The receipt of a task whose content was erased.

    `files` and `size` (bytes) say what was deleted; `shared` counts files that stay, for somebody else refers to the
    same bytes.
    """

    task: TaskId
    account: AccountId
    by: str
    files: int
    size: int
    shared: int
    at_ms: int


_INPUTS_DUE = Sql("""
    SELECT id FROM tasks WHERE keeps_inputs = 1 AND finished_ms <= :before_ms
    ORDER BY finished_ms LIMIT :limit {skip_locked}
""")
_RESULTS_DUE = Sql("""
    SELECT id FROM tasks WHERE keeps_results = 1 AND finished_ms <= :before_ms
    ORDER BY finished_ms LIMIT :limit {skip_locked}
""")
_NO_INPUTS = Sql("UPDATE tasks SET keeps_inputs = 0 WHERE id IN :ids")
_NO_PICTURES_GIVEN = Sql("""
    UPDATE task_inputs SET blob = NULL, clean = NULL, media_type = NULL, width = NULL, height = NULL WHERE task IN :ids
""")
_NO_RESULTS = Sql("""
    UPDATE tasks SET keeps_results = 0, removed_ms = CASE WHEN result IS NULL THEN removed_ms ELSE :now_ms END,
        result = NULL
    WHERE id IN :ids
""")
_NO_PICTURES_BROUGHT = Sql("UPDATE attempts SET result = NULL WHERE task IN :ids AND result IS NOT NULL")

# The oldest rows are looked at, whether they are due or not: to look for those that are would be to look at all.
_REMOVE_EVENTS = Sql("""
    WITH oldest AS MATERIALIZED (SELECT id, at_ms FROM task_events ORDER BY id LIMIT :limit)
    DELETE FROM task_events WHERE id IN (SELECT id FROM oldest WHERE at_ms <= :before_ms) RETURNING id
""")
_FORGET_KEYS = Sql("""
    WITH due AS MATERIALIZED (
        SELECT account, key FROM idempotency WHERE created_ms <= :before_ms
        ORDER BY created_ms LIMIT :limit {skip_locked})
    DELETE FROM idempotency WHERE (account, key) IN (SELECT account, key FROM due) RETURNING key
""")

_UPLOADED = Sql("""
    SELECT token FROM uploads u
    WHERE account = :account AND blob IN (SELECT i.blob FROM task_inputs i WHERE i.task = :id)
      AND NOT EXISTS (
        SELECT 1 FROM blob_uses o JOIN tasks t ON t.id = o.holder
        WHERE o.blob = u.blob AND o.kind = 'input' AND o.holder <> :id AND t.account = :account)
""")
_DELETE_UPLOADS = Sql("DELETE FROM uploads WHERE token IN :ids")
_UPLOADS_OF = Sql("SELECT token FROM uploads WHERE account = :account")
_LOCK_TASK = Sql("SELECT id FROM tasks WHERE id = :id {locked}")
_BLANK_TASK = Sql("""
    UPDATE tasks SET echo = :echo, task_order = :task_order, result = NULL, keeps_inputs = 0, keeps_results = 0,
        removed_ms = CASE WHEN result IS NULL THEN removed_ms ELSE :now_ms END,
        served_by = CASE WHEN served_by IS NULL THEN NULL ELSE :served_by END,
        error_msg = CASE WHEN error_msg IS NULL THEN NULL ELSE :error_msg END
    WHERE id = :id
""")
_BLANK_ATTEMPTS = Sql("UPDATE attempts SET handle = NULL, result = NULL, reason = NULL, detail = NULL WHERE task = :id")
_DELETE_INPUTS = Sql("DELETE FROM task_inputs WHERE task = :id")
_DELETE_KEYS = Sql("DELETE FROM idempotency WHERE account = :account AND task = :id")
_ADD_ERASURE = Sql("""
    INSERT INTO erasures (task, account, by_whom, files, bytes, shared, at_ms)
    VALUES (:task, :account, :by_whom, :files, :bytes, :shared, :at_ms)
""")
_ERASURE = Sql("SELECT task, account, by_whom, files, bytes, shared, at_ms FROM erasures WHERE task = :task")
_NOT_ERASED = Sql("""
    SELECT id FROM tasks WHERE account = :account AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.task = tasks.id)
    ORDER BY created_ms LIMIT :limit
""")
_UNFINISHED = Sql("SELECT count(*) FROM tasks WHERE account = :account AND finished_ms IS NULL")
_BLANK_ACCOUNT = Sql("UPDATE accounts SET name = :name WHERE id = :account")
_BLANK_KEYS = Sql("""
    UPDATE api_keys SET name = 'erased', revoked_ms = coalesce(revoked_ms, :now_ms) WHERE account = :account
""")
_BLANK_NOTES = Sql("UPDATE ledger SET note = NULL WHERE account = :account AND note IS NOT NULL")


class RetentionQueries:
    """Removing what was kept. Nothing in here touches bytes: they are let go of, and swept once nobody has them."""

    def __init__(self, db: Db) -> None:
        self._db = db

    # --- by age ---------------------------------------------------------------------------------------------------

    def remove_inputs(self, before_ms: int, now_ms: int, limit: int) -> int:
        """Let go of the pictures that were given to tasks which ended by then; of how many tasks those were."""
        tasks = [row[0] for row in self._db.all(_INPUTS_DUE, {"before_ms": before_ms, "limit": limit})]
        ids = {"ids": self._db.ids(tasks)}
        self._db.run(_NO_INPUTS, ids)
        self._db.run(_NO_PICTURES_GIVEN, ids)
        release(self._db, INPUT, tasks, now_ms)
        return len(tasks)

    def remove_results(self, before_ms: int, now_ms: int, limit: int) -> int:
        """Let go of the pictures that tasks brought which ended by then; of how many tasks those were."""
        tasks = [row[0] for row in self._db.all(_RESULTS_DUE, {"before_ms": before_ms, "limit": limit})]
        ids = {"ids": self._db.ids(tasks)}
        self._db.run(_NO_RESULTS, ids | {"now_ms": now_ms})
        self._db.run(_NO_PICTURES_BROUGHT, ids)
        release(self._db, RESULT, tasks, now_ms)
        return len(tasks)

    def remove_events(self, before_ms: int, limit: int) -> int:
        # Counted by what comes back: SQLite's driver tells no number for a statement that begins with WITH.
        return len(self._db.all(_REMOVE_EVENTS, {"before_ms": before_ms, "limit": limit}))

    def delete_idempotency_keys(self, before_ms: int, limit: int) -> int:
        """Forget idempotency keys that were first used by then."""
        return len(self._db.all(_FORGET_KEYS, {"before_ms": before_ms, "limit": limit}))

    # --- on demand ------------------------------------------------------------------------------------------------

    def erase_task(
        self, task: TaskId, account: AccountId, model: str, served_by: Mapping[str, Any], now_ms: int
    ) -> set[BlobId]:
        """Take all content out of a finished task, and the uploads it alone used; what it referred to.

        `model` and `served_by` are all that is left of what was asked for and what ran.
        """
        # The task's row first, as in delivering: a worker that is late with a picture comes before or after.
        self._db.one(_LOCK_TASK, {"id": task})
        uploads = [row[0] for row in self._db.all(_UPLOADED, {"id": task, "account": account})]
        self._db.run(_BLANK_ATTEMPTS, {"id": task})
        self._db.run(_DELETE_INPUTS, {"id": task})
        blobs = release(self._db, INPUT, [task], now_ms) | release(self._db, RESULT, [task], now_ms)
        blobs |= self._let_go_of_uploads(uploads, now_ms)
        self._db.run(_DELETE_KEYS, {"id": task, "account": account})
        self._db.run(
            _BLANK_TASK,
            {
                "id": task,
                "now_ms": now_ms,
                "echo": dump({"model_version": model}),
                "task_order": dump({}),
                "served_by": dump(served_by),
                "error_msg": "erased",
            },
        )
        return blobs

    def add_erasure(self, erasure: Erasure) -> None:
        facts = {"task": erasure.task, "account": erasure.account, "by_whom": erasure.by, "files": erasure.files}
        self._db.run(_ADD_ERASURE, facts | {"bytes": erasure.size, "shared": erasure.shared, "at_ms": erasure.at_ms})

    def erasure(self, task: TaskId) -> Erasure | None:
        row = self._db.one(_ERASURE, {"task": task})
        return Erasure(*row) if row else None

    def not_erased(self, account: AccountId, limit: int) -> Sequence[TaskId]:
        return [TaskId(row[0]) for row in self._db.all(_NOT_ERASED, {"account": account, "limit": limit})]

    def count_unfinished(self, account: AccountId) -> int:
        return int(self._db.value(_UNFINISHED, {"account": account}))

    def erase_account(self, account: AccountId, name: str, now_ms: int) -> set[BlobId]:
        """Take an account's name, its keys' and its notes' words and its uploads; what those referred to."""
        uploads = [row[0] for row in self._db.all(_UPLOADS_OF, {"account": account})]
        self._db.run(_BLANK_ACCOUNT, {"account": account, "name": name})
        self._db.run(_BLANK_KEYS, {"account": account, "now_ms": now_ms})
        self._db.run(_BLANK_NOTES, {"account": account})
        return self._let_go_of_uploads(uploads, now_ms)

    def _let_go_of_uploads(self, tokens: Sequence[str], now_ms: int) -> set[BlobId]:
        self._db.run(_DELETE_UPLOADS, {"ids": self._db.ids(tokens)})
        return release(self._db, UPLOAD, tokens, now_ms)
