"""Counts over all accounts, for operators. Every query reads a partial index or a small table, up to a cap."""

from collections.abc import Sequence
from dataclasses import dataclass

from limner.db.sql import Db, Sql

COUNT_CAP = 100_000
"""Queued tasks and waiting deliveries are counted up to here."""


@dataclass(frozen=True, slots=True)
class ModelQueue:
    """The queued tasks of one model, and when the oldest of them was created."""

    model: str
    queued: int
    oldest_ms: int


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """A worker that has leases of running tasks; `until_ms` is when the first of them ends."""

    owner: str
    tasks: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class CreditTotals:
    """The credits of all accounts together."""

    available: int
    held: int


@dataclass(frozen=True, slots=True)
class OutboxTotals:
    """Webhook deliveries that wait, lanes that have some, and lanes whose breaker is open."""

    deliveries: int
    lanes: int
    open_lanes: int


# The index of the queue holds all three columns. A task's id begins with its time, so that the least one is the oldest.
_QUEUE = Sql("""
    SELECT model, count(*), min(id) FROM (
        SELECT model, id FROM tasks WHERE status = 'queued' ORDER BY place, id LIMIT :cap) AS counted
    GROUP BY model ORDER BY model
""")
_CREATED = Sql("SELECT id, created_ms FROM tasks WHERE id IN :ids")
_LEASES = Sql("""
    SELECT coalesce(lease_owner, ''), count(*), min(coalesce(lease_until_ms, 0)) FROM tasks WHERE status = 'running'
    GROUP BY lease_owner ORDER BY lease_owner
""")
_EXPIRED_LEASES = Sql("SELECT count(*) FROM tasks WHERE status = 'running' AND lease_until_ms < :now_ms")
_CREDITS = Sql("SELECT coalesce(sum(available), 0), coalesce(sum(frozen), 0) FROM accounts")
_DELIVERIES = Sql("SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE state = 'pending' LIMIT :cap) AS waiting")
_LANES = Sql("""
    SELECT count(*), coalesce(sum(CASE WHEN open_until_ms > :now_ms THEN 1 ELSE 0 END), 0)
    FROM lanes WHERE due_ms IS NOT NULL
""")
_BYTES = Sql("SELECT count(*), coalesce(sum(size), 0) FROM blobs")


class OverviewQueries:
    def __init__(self, db: Db) -> None:
        self._db = db

    def queue(self) -> Sequence[ModelQueue]:
        """The queue by model."""
        rows = self._db.all(_QUEUE, {"cap": COUNT_CAP})
        oldest = dict(self._db.all(_CREATED, {"ids": self._db.ids([row[2] for row in rows])}))
        return [ModelQueue(model, int(count), int(oldest[first])) for model, count, first in rows]

    def lease_holders(self) -> Sequence[LeaseHolder]:
        return [LeaseHolder(owner, int(tasks), int(until)) for owner, tasks, until in self._db.all(_LEASES)]

    def expired_leases(self, now_ms: int) -> int:
        return int(self._db.value(_EXPIRED_LEASES, {"now_ms": now_ms}))

    def credits(self) -> CreditTotals:
        [(available, held)] = self._db.all(_CREDITS)
        return CreditTotals(int(available), int(held))

    def outbox(self, now_ms: int) -> OutboxTotals:
        [(lanes, open_lanes)] = self._db.all(_LANES, {"now_ms": now_ms})
        return OutboxTotals(int(self._db.value(_DELIVERIES, {"cap": COUNT_CAP})), int(lanes), int(open_lanes))

    def stored(self) -> tuple[int, int]:
        """The number of stored files, and their bytes. Reads the whole table of blobs."""
        [(files, size)] = self._db.all(_BYTES)
        return int(files), int(size)
