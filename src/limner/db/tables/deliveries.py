"""The outbox of webhook messages, and the log of attempts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limner.db.sql import Db, Sql, dump, load
from limner.db.tables.lanes import LaneTable
from limner.domain.ids import AccountId, DeliveryId, TaskId, WebhookId
from limner.domain.webhook import DeliveryState, EventType


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one address. It holds ids only: the message is rendered when it is sent.

    Deliveries of one `lane` share a concurrency limit and a breaker: those of a webhook, or of one host of per-task
    addresses. `attempts` counts all sends, `retries` those since it was enqueued or replayed. `due_ms` is when it may
    be sent; while it is leased, when the lease ends. It fails at `until_ms`, attempted or not. `detail` is the content
    of a message that is about no task.
    """

    id: DeliveryId
    webhook: WebhookId
    account: AccountId
    lane: str
    url: str | None
    event: EventType
    task: TaskId | None
    state: DeliveryState
    attempts: int
    retries: int
    due_ms: int
    until_ms: int
    created_ms: int
    finished_ms: int | None = None
    detail: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One send. `status` is the receiver's HTTP status, None without a response; `error` is None for a success."""

    number: int
    at_ms: int
    duration_ms: int
    status: int | None
    error: str | None
    answer: str | None


@dataclass(frozen=True, slots=True)
class NextDelivery:
    """The delivery's state after an attempt: finished, or pending with a new due time."""

    state: DeliveryState
    retries: int
    due_ms: int
    finished_ms: int | None = None


_COLUMNS = (
    "id, webhook, account, lane, url, event, task, state, attempts, retries, due_ms, until_ms, created_ms, "
    "finished_ms, detail"
)
_ADD = Sql("""
    INSERT INTO deliveries (id, webhook, account, lane, url, event, task, state, due_ms, until_ms, created_ms, detail)
    VALUES (:id, :webhook, :account, :lane, :url, :event, :task, 'pending', :due_ms, :until_ms, :created_ms, :detail)
    ON CONFLICT (id) DO NOTHING
""")
_GET = Sql(f"SELECT {_COLUMNS} FROM deliveries WHERE id = :id")
_OF = Sql(f"""
    SELECT {_COLUMNS} FROM deliveries
    WHERE webhook = :webhook AND (CAST(:state AS VARCHAR) IS NULL OR state = :state)
    ORDER BY created_ms DESC, id LIMIT :limit
""")
_OF_TASK = Sql(f"SELECT {_COLUMNS} FROM deliveries WHERE task = :task ORDER BY created_ms, id")
_ATTEMPTS = Sql("""
    SELECT delivery, number, at_ms, duration_ms, status, error, answer FROM delivery_attempts
    WHERE delivery IN :ids ORDER BY delivery, number
""")

_IN_FLIGHT = Sql("""
    SELECT count(*) FROM deliveries
    WHERE lane = :lane AND lease_owner IS NOT NULL AND state = 'pending' AND due_ms > :shared_ms
""")
_TAKE = Sql(f"""
    WITH due AS MATERIALIZED (
        SELECT id FROM deliveries WHERE state = 'pending' AND lane = :lane AND due_ms <= :latest_ms
          AND due_ms <= CASE WHEN lease_owner IS NULL THEN :now_ms ELSE :shared_ms END
        ORDER BY due_ms LIMIT :limit {{skip_locked}})
    UPDATE deliveries SET lease_owner = :owner, due_ms = :until_ms WHERE id IN (SELECT id FROM due)
    RETURNING {_COLUMNS}
""")
_LEASE = Sql(f"""
    UPDATE deliveries SET lease_owner = :owner, due_ms = :until_ms
    WHERE id = :id AND state = 'pending' AND lease_owner IS NULL
    RETURNING {_COLUMNS}
""")
_CLOSE = """
    UPDATE deliveries SET state = :state, attempts = attempts + 1, retries = :retries, due_ms = :due_ms,
        lease_owner = NULL, finished_ms = :finished_ms
    WHERE id = :id AND {fence}
    RETURNING attempts
"""
_CLOSE_OURS = Sql(_CLOSE.format(fence="state = 'pending' AND lease_owner = :owner"))
_CLOSE_ANY = Sql(_CLOSE.format(fence="state <> 'delivered'"))
_ADD_ATTEMPT = Sql("""
    INSERT INTO delivery_attempts (delivery, number, at_ms, duration_ms, status, error, answer)
    VALUES (:delivery, :number, :at_ms, :duration_ms, :status, :error, :answer)
""")
_DROP = Sql("""
    UPDATE deliveries SET state = 'dropped', lease_owner = NULL, finished_ms = :now_ms
    WHERE id = :id AND state = 'pending'
""")
_DROP_ALL = Sql("""
    WITH left_over AS MATERIALIZED (
        SELECT id FROM deliveries WHERE webhook = :webhook AND state = 'pending'
        ORDER BY id LIMIT :limit {skip_locked})
    UPDATE deliveries SET state = 'dropped', lease_owner = NULL, finished_ms = :now_ms
    WHERE id IN (SELECT id FROM left_over) RETURNING id
""")
_REPLAY = Sql("""
    UPDATE deliveries SET state = 'pending', retries = 0, due_ms = :now_ms, until_ms = :until_ms, finished_ms = NULL
    WHERE id = :id AND lease_owner IS NULL
    RETURNING lane, account
""")
_EXPIRE = Sql("""
    WITH old AS MATERIALIZED (
        SELECT id FROM deliveries WHERE state = 'pending' AND until_ms <= :now_ms
        ORDER BY until_ms LIMIT :limit {skip_locked})
    UPDATE deliveries SET state = 'failed', lease_owner = NULL, finished_ms = :now_ms WHERE id IN (SELECT id FROM old)
    RETURNING id
""")
_LEASE_OWNERS = Sql("SELECT DISTINCT lease_owner FROM deliveries WHERE lease_owner IS NOT NULL")
_FREE_LEASES = Sql("""
    UPDATE deliveries SET lease_owner = NULL, due_ms = :now_ms WHERE state = 'pending' AND lease_owner IN :ids
    RETURNING lane
""")
_FINISHED = Sql("""
    SELECT id FROM deliveries WHERE finished_ms IS NOT NULL AND finished_ms <= :before_ms
    ORDER BY finished_ms LIMIT :limit {skip_locked}
""")
_DELETE_ATTEMPTS = Sql("DELETE FROM delivery_attempts WHERE delivery IN :ids")
_DELETE = Sql("DELETE FROM deliveries WHERE id IN :ids")


class DeliveryTable:
    """The outbox, and the log of attempts."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self._lanes = LaneTable(db)

    def add(self, delivery: Delivery) -> bool:
        """Returns False when a delivery with this id exists."""
        added = self._db.run(
            _ADD,
            {
                "id": delivery.id,
                "webhook": delivery.webhook,
                "account": delivery.account,
                "lane": delivery.lane,
                "url": delivery.url,
                "event": delivery.event,
                "task": delivery.task,
                "due_ms": delivery.due_ms,
                "until_ms": delivery.until_ms,
                "created_ms": delivery.created_ms,
                "detail": None if delivery.detail is None else dump(dict(delivery.detail)),
            },
        )
        if added:
            self._lanes.make_due(delivery.lane, delivery.account, delivery.due_ms)
        return added == 1

    def get(self, delivery: DeliveryId) -> Delivery | None:
        row = self._db.one(_GET, {"id": delivery})
        return _delivery(row) if row else None

    def of(self, webhook: WebhookId, state: DeliveryState | None, limit: int) -> Sequence[Delivery]:
        """A webhook's deliveries, newest first."""
        rows = self._db.all(_OF, {"webhook": webhook, "state": state, "limit": limit})
        return [_delivery(row) for row in rows]

    def of_task(self, task: TaskId) -> Sequence[Delivery]:
        return [_delivery(row) for row in self._db.all(_OF_TASK, {"task": task})]

    def attempts(self, deliveries: Sequence[DeliveryId]) -> Sequence[tuple[DeliveryId, DeliveryAttempt]]:
        """The attempts at these deliveries, in order."""
        rows = self._db.all(_ATTEMPTS, {"ids": self._db.ids(deliveries)})
        return [(DeliveryId(delivery), DeliveryAttempt(*facts)) for delivery, *facts in rows]

    def in_flight(self, lane: str, now_ms: int) -> int:
        """The number of leased deliveries of a lane, over all workers."""
        return int(self._db.value(_IN_FLIGHT, {"lane": lane, "shared_ms": self._db.shared_now_ms(now_ms)}))

    def take(self, lane: str, owner: str, now_ms: int, lease_ms: int, limit: int) -> Sequence[Delivery]:
        """Lease due deliveries of a lane, the longest due first."""
        shared_ms = self._db.shared_now_ms(now_ms)
        times = {"now_ms": now_ms, "shared_ms": shared_ms, "latest_ms": max(now_ms, shared_ms)}
        lease = {"lane": lane, "owner": owner, "until_ms": shared_ms + lease_ms, "limit": limit}
        rows = self._db.all(_TAKE, times | lease)
        return [_delivery(row) for row in rows]

    def lease(self, delivery: DeliveryId, owner: str, now_ms: int, lease_ms: int) -> Delivery | None:
        """Lease one that is pending and not leased, due or not."""
        until_ms = self._db.shared_now_ms(now_ms) + lease_ms
        row = self._db.one(_LEASE, {"id": delivery, "owner": owner, "until_ms": until_ms})
        return _delivery(row) if row else None

    def close(self, delivery: DeliveryId, attempt: DeliveryAttempt, next_: NextDelivery, owner: str) -> bool:
        """Record an attempt, numbering it, and the delivery's next state. Returns whether it was recorded.

        A failure is recorded only while `owner` holds the lease; a success always is.
        """
        facts = {
            "id": delivery,
            "state": next_.state,
            "retries": next_.retries,
            "due_ms": next_.due_ms,
            "finished_ms": next_.finished_ms,
        }
        if next_.state is DeliveryState.DELIVERED:
            number = self._db.value(_CLOSE_ANY, facts)
        else:
            number = self._db.value(_CLOSE_OURS, facts | {"owner": owner})
        if number is not None:
            self._log(delivery, number, attempt)
        return number is not None

    def drop(self, delivery: DeliveryId, now_ms: int) -> None:
        self._db.run(_DROP, {"id": delivery, "now_ms": now_ms})

    def drop_all(self, webhook: WebhookId, now_ms: int, limit: int) -> int:
        """Drop pending deliveries of a webhook; returns how many."""
        # Counts the returned rows: SQLite's driver has no row count for a statement that begins with WITH.
        return len(self._db.all(_DROP_ALL, {"webhook": webhook, "now_ms": now_ms, "limit": limit}))

    def replay(self, delivery: DeliveryId, now_ms: int, until_ms: int) -> None:
        """Make a delivery pending and due now, under the same id; no effect while it is leased."""
        row = self._db.one(_REPLAY, {"id": delivery, "now_ms": now_ms, "until_ms": until_ms})
        if row:
            self._lanes.make_due(row[0], AccountId(row[1]), now_ms)

    def give_up(self, now_ms: int, limit: int) -> int:
        """Fail pending deliveries that are past `until_ms`; returns how many."""
        return len(self._db.all(_EXPIRE, {"now_ms": now_ms, "limit": limit}))

    def lease_owners(self) -> Sequence[str]:
        return [row[0] for row in self._db.all(_LEASE_OWNERS)]

    def end_leases_of(self, owners: Sequence[str], now_ms: int) -> int:
        """Release the leases of dead workers; returns how many."""
        lanes = [row[0] for row in self._db.all(_FREE_LEASES, {"ids": self._db.ids(owners), "now_ms": now_ms})]
        self._lanes.make_all_due(sorted(set(lanes)), now_ms)
        return len(lanes)

    def prune(self, before_ms: int, limit: int) -> int:
        """Delete deliveries finished by then, with their attempts; returns how many."""
        finished = [row[0] for row in self._db.all(_FINISHED, {"before_ms": before_ms, "limit": limit})]
        if finished:
            self._db.run(_DELETE_ATTEMPTS, {"ids": self._db.ids(finished)})
            self._db.run(_DELETE, {"ids": self._db.ids(finished)})
        return len(finished)

    def _log(self, delivery: DeliveryId, number: int, attempt: DeliveryAttempt) -> None:
        self._db.run(
            _ADD_ATTEMPT,
            {
                "delivery": delivery,
                "number": number,
                "at_ms": attempt.at_ms,
                "duration_ms": attempt.duration_ms,
                "status": attempt.status,
                "error": attempt.error,
                "answer": attempt.answer,
            },
        )


def _delivery(row: Sequence[Any]) -> Delivery:
    columns = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return Delivery(
        **columns
        | {
            "event": EventType(columns["event"]),
            "state": DeliveryState(columns["state"]),
            "detail": load(columns["detail"]),
        },
    )
