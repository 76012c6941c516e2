"""Removes pictures, texts and events by age or on request. Figures (times, prices, statuses) stay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limner.db.sql import Db, Sql, dump
from limner.db.tables.blobs import INPUT, RESULT, UPLOAD, release
from limner.domain.ids import AccountId, BlobId, TaskId


@dataclass(frozen=True, slots=True)
class Erasure:
    """The receipt of an erased task.

    `files` and `size` (bytes) say what was deleted; `shared` counts files that are kept for other rows.
    """

    task: TaskId
    account: AccountId
    by: str
    files: int
    size: int
    shared: int
    at_ms: int


_INPUTS_DUE = Sql("""
    SELECT id FROM tasks WHERE keeps_inputs = 1 AND kept = 0 AND finished_ms <= :before_ms
    ORDER BY finished_ms LIMIT :limit {skip_locked}
""")
_RESULTS_DUE = Sql("""
    SELECT id FROM tasks WHERE keeps_results = 1 AND kept = 0 AND finished_ms <= :before_ms
    ORDER BY finished_ms LIMIT :limit {skip_locked}
""")
_KEEP_NO_INPUTS = Sql("UPDATE tasks SET keeps_inputs = 0 WHERE id IN :ids")
_CLEAR_INPUTS = Sql("""
    UPDATE task_inputs SET blob = NULL, clean = NULL, media_type = NULL, width = NULL, height = NULL WHERE task IN :ids
""")
_CLEAR_RESULTS = Sql("""
    UPDATE tasks SET keeps_results = 0, removed_ms = CASE WHEN result IS NULL THEN removed_ms ELSE :now_ms END,
        result = NULL, partial_images = NULL
    WHERE id IN :ids
""")
_CLEAR_SIGNATURES = Sql("UPDATE signed_copies SET layout = NULL WHERE task IN :ids")
_CLEAR_ATTEMPTS = Sql("UPDATE attempts SET result = NULL WHERE task IN :ids AND result IS NOT NULL")

# Only the oldest rows are read, due or not: a search for due ones could read the whole table.
_REMOVE_EVENTS = Sql("""
    WITH oldest AS MATERIALIZED (SELECT id, at_ms FROM task_events ORDER BY id LIMIT :limit)
    DELETE FROM task_events WHERE id IN (SELECT id FROM oldest WHERE at_ms <= :before_ms) RETURNING id
""")
_DELETE_OLD_KEYS = Sql("""
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
_ERASE_TASK = Sql("""
    UPDATE tasks SET echo = :echo, task_order = :task_order, result = NULL, partial_images = NULL, keeps_inputs = 0,
        keeps_results = 0, template = NULL, kept = 0, listed = 0, erase_due_ms = NULL,
        trace = NULL,
        removed_ms = CASE WHEN result IS NULL THEN removed_ms ELSE :now_ms END,
        served_by = CASE WHEN served_by IS NULL THEN NULL ELSE :served_by END,
        error_msg = CASE WHEN error_msg IS NULL THEN NULL ELSE :error_msg END
    WHERE id = :id
""")
_ERASE_ATTEMPTS = Sql("UPDATE attempts SET handle = NULL, result = NULL, reason = NULL, detail = NULL WHERE task = :id")
_DELETE_INPUTS = Sql("DELETE FROM task_inputs WHERE task = :id")
_UNBIND_KEYS = Sql("DELETE FROM idempotency WHERE account = :account AND task = :id")
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
_ERASE_ACCOUNT = Sql("UPDATE accounts SET name = :name WHERE id = :account")
_ERASE_KEYS = Sql("""
    UPDATE api_keys SET name = 'erased', revoked_ms = coalesce(revoked_ms, :now_ms) WHERE account = :account
""")
_ERASE_NOTES = Sql("UPDATE ledger SET note = NULL WHERE account = :account AND note IS NOT NULL")


class RetentionQueries:
    """Removes references and rows. The blobs themselves are deleted later, once nothing refers to them."""

    def __init__(self, db: Db) -> None:
        self._db = db

    # --- by age ---------------------------------------------------------------------------------------------------

    def remove_inputs(self, before_ms: int, now_ms: int, limit: int) -> int:
        """Release the input pictures of tasks that ended by `before_ms`, but kept ones; returns their number."""
        tasks = [row[0] for row in self._db.all(_INPUTS_DUE, {"before_ms": before_ms, "limit": limit})]
        ids = {"ids": self._db.ids(tasks)}
        self._db.run(_KEEP_NO_INPUTS, ids)
        self._db.run(_CLEAR_INPUTS, ids)
        release(self._db, INPUT, tasks, now_ms)
        return len(tasks)

    def remove_results(self, before_ms: int, now_ms: int, limit: int) -> int:
        """Release the result pictures of tasks that ended by `before_ms`, but kept ones; returns their number."""
        tasks = [row[0] for row in self._db.all(_RESULTS_DUE, {"before_ms": before_ms, "limit": limit})]
        ids = {"ids": self._db.ids(tasks)}
        self._db.run(_CLEAR_RESULTS, ids | {"now_ms": now_ms})
        self._db.run(_CLEAR_ATTEMPTS, ids)
        self._db.run(_CLEAR_SIGNATURES, ids)
        release(self._db, RESULT, tasks, now_ms)
        return len(tasks)

    def remove_events(self, before_ms: int, limit: int) -> int:
        # Counted by the rows returned: SQLite's driver reports no count for a statement that begins with WITH.
        return len(self._db.all(_REMOVE_EVENTS, {"before_ms": before_ms, "limit": limit}))

    def delete_idempotency_keys(self, before_ms: int, limit: int) -> int:
        """Delete idempotency keys that were bound by `before_ms`; returns how many."""
        return len(self._db.all(_DELETE_OLD_KEYS, {"before_ms": before_ms, "limit": limit}))

    # --- on request ------------------------------------------------------------------------------------------------

    def erase_task(
        self, task: TaskId, account: AccountId, model: str, served_by: Mapping[str, Any], now_ms: int
    ) -> set[BlobId]:
        """Delete all content of a finished task, and the uploads that only it used; returns their blobs.

        `model` and `served_by` are all that is left of what was asked for and what ran.
        """
        # The task's row first, as in delivering: a worker that is late with a picture comes before or after.
        self._db.one(_LOCK_TASK, {"id": task})
        uploads = [row[0] for row in self._db.all(_UPLOADED, {"id": task, "account": account})]
        self._db.run(_ERASE_ATTEMPTS, {"id": task})
        self._db.run(_DELETE_INPUTS, {"id": task})
        self._db.run(_CLEAR_SIGNATURES, {"ids": self._db.ids([task])})
        blobs = release(self._db, INPUT, [task], now_ms) | release(self._db, RESULT, [task], now_ms)
        blobs |= self._delete_uploads(uploads, now_ms)
        self._db.run(_UNBIND_KEYS, {"id": task, "account": account})
        self._db.run(
            _ERASE_TASK,
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
        return _erasure(row) if row else None

    def not_erased(self, account: AccountId, limit: int) -> Sequence[TaskId]:
        return [TaskId(row[0]) for row in self._db.all(_NOT_ERASED, {"account": account, "limit": limit})]

    def count_unfinished(self, account: AccountId) -> int:
        return int(self._db.value(_UNFINISHED, {"account": account}))

    def erase_account(self, account: AccountId, name: str, now_ms: int) -> set[BlobId]:
        """Replace an account's name, delete its keys' names, its ledger notes and its uploads; returns their blobs."""
        uploads = [row[0] for row in self._db.all(_UPLOADS_OF, {"account": account})]
        self._db.run(_ERASE_ACCOUNT, {"account": account, "name": name})
        self._db.run(_ERASE_KEYS, {"account": account, "now_ms": now_ms})
        self._db.run(_ERASE_NOTES, {"account": account})
        return self._delete_uploads(uploads, now_ms)

    def _delete_uploads(self, tokens: Sequence[str], now_ms: int) -> set[BlobId]:
        self._db.run(_DELETE_UPLOADS, {"ids": self._db.ids(tokens)})
        return release(self._db, UPLOAD, tokens, now_ms)


def _erasure(row: Sequence[Any]) -> Erasure:
    task, account, by, files, size, shared, at_ms = row
    return Erasure(
        task=TaskId(task), account=AccountId(account), by=by, files=files, size=size, shared=shared, at_ms=at_ms
    )
