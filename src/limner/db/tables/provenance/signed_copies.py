"""Which pictures were signed, by which key, and what signing added to their files."""

from collections.abc import Sequence
from dataclasses import dataclass

from limner.db.sql import Db, Sql
from limner.domain.ids import TaskId


@dataclass(frozen=True, slots=True)
class SignedCopy:
    """`layout` is what was added, as `limner.marking.changes` writes it; None once the picture was removed.

    `key` is the fingerprint of the certificate; empty where the vendor's own manifest is delivered as it came.
    """

    task: TaskId
    name: str
    key: str
    layout: bytes | None
    signed_ms: int


@dataclass(frozen=True, slots=True)
class SignedByKey:
    """How many pictures a key signed; an empty `key` counts those that left with the vendor's own manifest."""

    key: str
    pictures: int
    first_ms: int
    last_ms: int


_ADD = Sql("""
    INSERT INTO signed_copies (task, name, signing_key, layout, signed_ms)
    SELECT id, :name, :key, :layout, :signed_ms FROM tasks WHERE id = :task AND removed_ms IS NULL
    ON CONFLICT (task, name) DO NOTHING
""")
_GET = Sql("SELECT task, name, signing_key, layout, signed_ms FROM signed_copies WHERE task = :task AND name = :name")
_BY_KEY = Sql("""
    SELECT signing_key, count(*), min(signed_ms), max(signed_ms) FROM signed_copies
    WHERE signed_ms >= :since_ms AND signed_ms < :until_ms GROUP BY signing_key ORDER BY min(signed_ms)
""")
_MADE = Sql("""
    SELECT count(*), sum(pictures) FROM tasks
    WHERE status = 'success' AND finished_ms >= :since_ms AND finished_ms < :until_ms
""")


class SignedCopyTable:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, copy: SignedCopy) -> SignedCopy | None:
        """The row that stands: of two that sign at once, the first is kept. None where the task has no picture."""
        facts = {"key": copy.key, "layout": copy.layout, "signed_ms": copy.signed_ms}
        self._db.run(_ADD, {"task": copy.task, "name": copy.name, **facts})
        return self.get(copy.task, copy.name)

    def get(self, task: TaskId, name: str) -> SignedCopy | None:
        row = self._db.one(_GET, {"task": task, "name": name})
        if row is None:
            return None
        task_id, found, key, layout, signed_ms = row
        return SignedCopy(TaskId(task_id), found, key, None if layout is None else bytes(layout), signed_ms)

    def by_key(self, since_ms: int, until_ms: int) -> Sequence[SignedByKey]:
        return [SignedByKey(*row) for row in self._db.all(_BY_KEY, {"since_ms": since_ms, "until_ms": until_ms})]

    def made(self, since_ms: int, until_ms: int) -> tuple[int, int]:
        """How many tasks succeeded in the time, and how many pictures they were asked for."""
        row = self._db.one(_MADE, {"since_ms": since_ms, "until_ms": until_ms})
        return (int(row[0]), int(row[1] or 0)) if row else (0, 0)
