"""Queries that find contradictions between rows, for `limner doctor --deep`, and the repairs that are safe."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain

from limner.db.sql import Db, Sql, load
from limner.db.tables.blobs import INPUT, RESULT, UPLOAD, blobs_in
from limner.domain.ids import BlobId, TaskId


@dataclass(frozen=True, slots=True)
class TaskLease:
    """The owner of a running task's lease, and when the lease ends."""

    task: TaskId
    owner: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class BlobRef:
    """A row that says that an upload (`kind` "upload") or a task ("input", "result") refers to a blob."""

    blob: BlobId
    kind: str
    holder: str


@dataclass(frozen=True, slots=True)
class BlobRow:
    """A blob's row, and whether other rows refer to it."""

    blob: BlobId
    size: int
    released: bool
    marked: bool
    used: bool
    pinned: bool


@dataclass(frozen=True, slots=True)
class ReferencedBlobs:
    """References made by a page of rows, and those recorded for them. `last` is the last row's key, "" at the end."""

    last: str
    actual: frozenset[BlobRef]
    recorded: frozenset[BlobRef]


_LEASES = Sql("SELECT id, lease_owner, lease_until_ms FROM tasks WHERE status = 'running' ORDER BY id")
_STALE_LEASES = Sql("SELECT id FROM tasks WHERE status <> 'running' AND lease_owner IS NOT NULL")
_OVERDUE = Sql("SELECT id FROM tasks WHERE status = 'queued' AND queue_deadline_ms < :before_ms ORDER BY id")
_LEFT_OPEN = Sql("""
    SELECT DISTINCT a.task FROM attempts a JOIN tasks t ON t.id = a.task
    WHERE a.state <> 'closed' AND t.status NOT IN ('queued', 'running') ORDER BY a.task
""")
_NO_OUTCOME = Sql("SELECT DISTINCT task FROM attempts WHERE state = 'closed' AND outcome IS NULL ORDER BY task")
_NO_PICTURE = Sql("""
    SELECT id FROM tasks WHERE status = 'success'
      AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.task = tasks.id AND a.outcome = 'picture') ORDER BY id
""")

_BOOKED_TEXT = """
    SELECT id, size, let_go_ms IS NOT NULL, condemned_ms IS NOT NULL,
        EXISTS (SELECT 1 FROM blob_uses u WHERE u.blob = blobs.id),
        EXISTS (SELECT 1 FROM blob_pins p WHERE p.blob = blobs.id)
    FROM blobs
"""
_BOOK = Sql(f"{_BOOKED_TEXT} WHERE id > :after ORDER BY id LIMIT :limit")
_BOOKED = Sql(f"{_BOOKED_TEXT} WHERE id = :blob")
_USES_OF = Sql("SELECT blob, kind, holder FROM blob_uses WHERE blob = :blob ORDER BY kind, holder")
_UNRECORDED = Sql("""
    SELECT DISTINCT u.blob FROM blob_uses u
    WHERE NOT EXISTS (SELECT 1 FROM blobs b WHERE b.id = u.blob) ORDER BY u.blob
""")
_MARKED_LONG_AGO = Sql("SELECT id FROM blobs WHERE condemned_ms <= :before_ms ORDER BY id")

_TASKS = Sql("SELECT id, result, partial_images FROM tasks WHERE id > :after ORDER BY id LIMIT :limit")
_ATTEMPTS = Sql("SELECT task, result FROM attempts WHERE task IN :ids AND result IS NOT NULL")
_INPUTS = Sql("SELECT task, blob, clean FROM task_inputs WHERE task IN :ids")
_UPLOADS = Sql("SELECT token, blob FROM uploads WHERE token > :after ORDER BY token LIMIT :limit")
_USES = Sql("SELECT blob, kind, holder FROM blob_uses WHERE holder IN :ids")
_STRAY_USES = Sql("""
    SELECT blob, kind, holder FROM blob_uses
    WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = blob_uses.holder)
      AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.token = blob_uses.holder)
""")

_ADD_USE = Sql("""
    INSERT INTO blob_uses (blob, kind, holder) VALUES (:blob, :kind, :holder)
    ON CONFLICT (blob, kind, holder) DO NOTHING
""")
_DROP_USE = Sql("DELETE FROM blob_uses WHERE blob = :blob AND kind = :kind AND holder = :holder")
_LET_GO = Sql("UPDATE blobs SET let_go_ms = :now_ms WHERE id IN :ids AND let_go_ms IS NULL")
_ADOPT = Sql("""
    INSERT INTO blobs (id, size, media_type, created_ms, let_go_ms)
    VALUES (:id, :size, 'application/octet-stream', :now_ms, :now_ms) ON CONFLICT (id) DO NOTHING
""")
_LOCK_COUNTS = Sql("UPDATE buckets SET active = active")
_RECOUNT = Sql("""
    UPDATE buckets SET active = (
        SELECT count(*) FROM tasks t
        WHERE t.account = buckets.account AND t.bucket = buckets.bucket AND t.status IN ('queued', 'running'))
""")


class ConsistencyQueries:
    """Checks, and repairs that never change credits, a status or a picture."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def leases(self) -> Sequence[TaskLease]:
        return [TaskLease(TaskId(task), owner or "", until_ms or 0) for task, owner, until_ms in self._db.all(_LEASES)]

    def stale_leases(self) -> Sequence[TaskId]:
        """Tasks that have a lease and are not running."""
        return self._tasks(_STALE_LEASES)

    def overdue_tasks(self, before_ms: int) -> Sequence[TaskId]:
        """Tasks still queued although their queue deadline passed before `before_ms`."""
        return self._tasks(_OVERDUE, before_ms=before_ms)

    def tasks_with_open_attempts(self) -> Sequence[TaskId]:
        """Finished tasks with an open attempt."""
        return self._tasks(_LEFT_OPEN)

    def tasks_without_outcome(self) -> Sequence[TaskId]:
        """Tasks with a closed attempt that has no outcome."""
        return self._tasks(_NO_OUTCOME)

    def tasks_without_picture(self) -> Sequence[TaskId]:
        """Successful tasks without an attempt that delivered a picture."""
        return self._tasks(_NO_PICTURE)

    def _tasks(self, statement: Sql, **values: int) -> Sequence[TaskId]:
        return [TaskId(row[0]) for row in self._db.all(statement, values)]

    # --- bytes ----------------------------------------------------------------------------------------------------

    def blob_rows(self, after: str, limit: int) -> Sequence[BlobRow]:
        rows = self._db.all(_BOOK, {"after": after, "limit": limit})
        return [BlobRow(BlobId(blob), size, *map(bool, marks)) for blob, size, *marks in rows]

    def blob_row(self, blob: BlobId) -> BlobRow | None:
        row = self._db.one(_BOOKED, {"blob": blob})
        return BlobRow(BlobId(row[0]), row[1], *map(bool, row[2:])) if row else None

    def refs_of(self, blob: BlobId) -> Sequence[BlobRef]:
        return [BlobRef(BlobId(row[0]), row[1], row[2]) for row in self._db.all(_USES_OF, {"blob": blob})]

    def unrecorded_blobs(self) -> Sequence[BlobId]:
        """Blobs that are referred to and have no row."""
        return [BlobId(row[0]) for row in self._db.all(_UNRECORDED)]

    def marked_before(self, before_ms: int) -> Sequence[BlobId]:
        return [BlobId(row[0]) for row in self._db.all(_MARKED_LONG_AGO, {"before_ms": before_ms})]

    def references_of_tasks(self, after: str, limit: int) -> ReferencedBlobs:
        tasks = self._db.all(_TASKS, {"after": after, "limit": limit})
        ids = self._db.ids([task for task, *_ in tasks])
        brought = chain(tasks, self._db.all(_ATTEMPTS, {"ids": ids}))
        made = {
            BlobRef(blob, RESULT, task) for task, *stored in brought for each in stored for blob in blobs_in(load(each))
        }
        given = {
            BlobRef(BlobId(blob), INPUT, task)
            for task, *blobs in self._db.all(_INPUTS, {"ids": ids})
            for blob in blobs
            if blob
        }
        noted = {use for use in self._uses(ids) if use.kind != UPLOAD}
        return ReferencedBlobs(tasks[-1][0] if tasks else "", frozenset(made | given), frozenset(noted))

    def references_of_uploads(self, after: str, limit: int) -> ReferencedBlobs:
        uploads = self._db.all(_UPLOADS, {"after": after, "limit": limit})
        made = {BlobRef(BlobId(blob), UPLOAD, token) for token, blob in uploads}
        noted = {use for use in self._uses(self._db.ids([token for token, _ in uploads])) if use.kind == UPLOAD}
        return ReferencedBlobs(uploads[-1][0] if uploads else "", frozenset(made), frozenset(noted))

    def _uses(self, ids: object) -> set[BlobRef]:
        return {BlobRef(BlobId(blob), kind, holder) for blob, kind, holder in self._db.all(_USES, {"ids": ids})}

    def orphaned_refs(self) -> Sequence[BlobRef]:
        """References recorded for tasks and uploads that do not exist."""
        return [BlobRef(BlobId(blob), kind, holder) for blob, kind, holder in self._db.all(_STRAY_USES)]

    # --- repairs --------------------------------------------------------------------------------------------------

    def repair_refs(self, missing: Collection[BlobRef], needless: Collection[BlobRef], now_ms: int) -> None:
        for statement, uses in ((_ADD_USE, missing), (_DROP_USE, needless)):
            for use in uses:
                self._db.run(statement, {"blob": use.blob, "kind": use.kind, "holder": use.holder})
        self.mark_unreferenced([use.blob for use in needless], now_ms)

    def mark_unreferenced(self, blobs: Collection[BlobId], now_ms: int) -> None:
        """Have the janitor check whether anything refers to these blobs."""
        self._db.run(_LET_GO, {"ids": self._db.ids(sorted(set(blobs))), "now_ms": now_ms})

    def add_unrecorded(self, blob: BlobId, size: int, now_ms: int) -> None:
        """Add a row for a blob that is in the store and has none."""
        self._db.run(_ADOPT, {"id": blob, "size": size, "now_ms": now_ms})

    def recount_slots(self) -> None:
        """Recompute every account's count of unfinished tasks."""
        self._db.run(_LOCK_COUNTS)  # a task that begins or ends now is counted before or after
        self._db.run(_RECOUNT)
