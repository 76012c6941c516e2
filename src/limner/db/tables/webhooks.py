"""Where accounts want to be told of their tasks, the outbox, and the log of what became of it."""

from collections.abc import Sequence
from typing import Any

from limner.db.sql import Db, Sql
from limner.domain.ids import AccountId, DeliveryId, TaskId, WebhookId
from limner.domain.routing.breaker import CLOSED, Breaker
from limner.domain.routing.failure import FailureKind
from limner.domain.webhook import DeliveryState, EventType
from limner.ports.webhooks import (
    Delivery,
    DeliveryAttempt,
    DeliveryLane,
    NextDelivery,
    SecretSalt,
    Webhook,
    WebhookSubscription,
)

_COLUMNS = "id, account, url, events, description, created_ms, disabled_ms, disabled_why"
_ADD = Sql("""
    INSERT INTO webhooks (id, account, url, events, description, created_ms)
    VALUES (:id, :account, :url, :events, :description, :created_ms)
    ON CONFLICT DO NOTHING RETURNING id
""")
_GET = Sql(f"SELECT {_COLUMNS} FROM webhooks WHERE id = :id AND removed_ms IS NULL")
_OF = Sql(f"SELECT {_COLUMNS} FROM webhooks WHERE account = :account AND removed_ms IS NULL ORDER BY created_ms, id")
_FOR_TASKS = Sql(f"SELECT {_COLUMNS} FROM webhooks WHERE account = :account AND removed_ms IS NULL AND url IS NULL")
_REMOVE = Sql("UPDATE webhooks SET removed_ms = :now_ms WHERE id = :id AND removed_ms IS NULL")
_DISABLE = Sql("UPDATE webhooks SET disabled_ms = :now_ms, disabled_why = :why WHERE id = :id AND disabled_ms IS NULL")
_ENABLE = Sql("UPDATE webhooks SET disabled_ms = NULL, disabled_why = NULL WHERE id = :id")

_ADD_SALT = Sql("INSERT INTO webhook_salts (webhook, salt, created_ms) VALUES (:webhook, :salt, :created_ms)")
_SALTS = Sql("""
    SELECT salt, created_ms, expires_ms FROM webhook_salts
    WHERE webhook = :webhook AND (expires_ms IS NULL OR expires_ms > :now_ms)
    ORDER BY CASE WHEN expires_ms IS NULL THEN 0 ELSE 1 END, created_ms DESC, salt LIMIT 5
""")
_DELETE_SALTS = Sql("""
    DELETE FROM webhook_salts WHERE webhook = :webhook AND (expires_ms <= :now_ms OR salt NOT IN (
        SELECT salt FROM webhook_salts WHERE webhook = :webhook ORDER BY created_ms DESC, salt LIMIT 4))
""")
_END_SALTS = Sql("""
    UPDATE webhook_salts SET expires_ms = :until_ms
    WHERE webhook = :webhook AND (expires_ms IS NULL OR expires_ms > :until_ms)
""")

_EXPECT = Sql("INSERT INTO task_webhooks (task, url) VALUES (:task, :url)")
_EXPECTED = Sql("DELETE FROM task_webhooks WHERE task = :task")
_LISTENING = Sql("""
    SELECT w.id, CASE WHEN w.url IS NULL THEN t.url END, w.events
    FROM webhooks w LEFT JOIN task_webhooks t ON t.task = :task
    WHERE w.account = :account AND w.removed_ms IS NULL AND w.disabled_ms IS NULL
      AND (w.url IS NOT NULL OR t.url IS NOT NULL)
""")
_WATCHING = Sql(f"""
    SELECT t.id FROM tasks t WHERE t.id IN :ids AND t.status = 'running' AND EXISTS (
        SELECT 1 FROM webhooks w LEFT JOIN task_webhooks tw ON tw.task = t.id
        WHERE w.account = t.account AND w.removed_ms IS NULL AND w.disabled_ms IS NULL
          AND (w.url IS NOT NULL OR tw.url IS NOT NULL)
          AND ' ' || w.events || ' ' LIKE '%% {EventType.PROGRESS} %%')
""")


class SqlWebhooks:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, webhook: Webhook, salt: SecretSalt) -> bool:
        facts = {"id": webhook.id, "account": webhook.account, "url": webhook.url, "events": " ".join(webhook.events)}
        more = {"description": webhook.description, "created_ms": webhook.created_ms}
        added = self._db.one(_ADD, facts | more) is not None
        if added:
            self._add_salt(webhook.id, salt)
        return added

    def get(self, webhook: WebhookId) -> Webhook | None:
        row = self._db.one(_GET, {"id": webhook})
        return _webhook(*row) if row else None

    def of(self, account: AccountId) -> Sequence[Webhook]:
        return [_webhook(*row) for row in self._db.all(_OF, {"account": account})]

    def for_tasks(self, account: AccountId) -> Webhook | None:
        row = self._db.one(_FOR_TASKS, {"account": account})
        return _webhook(*row) if row else None

    def remove(self, webhook: WebhookId, now_ms: int) -> None:
        self._db.run(_REMOVE, {"id": webhook, "now_ms": now_ms})

    def disable(self, webhook: WebhookId, why: str, now_ms: int) -> None:
        self._db.run(_DISABLE, {"id": webhook, "why": why, "now_ms": now_ms})

    def enable(self, webhook: WebhookId) -> None:
        self._db.run(_ENABLE, {"id": webhook})

    def salts(self, webhook: WebhookId, now_ms: int) -> Sequence[SecretSalt]:
        return [SecretSalt(*row) for row in self._db.all(_SALTS, {"webhook": webhook, "now_ms": now_ms})]

    def rotate(self, webhook: WebhookId, salt: SecretSalt, old_until_ms: int) -> None:
        self._db.run(_DELETE_SALTS, {"webhook": webhook, "now_ms": salt.created_ms})
        self._db.run(_END_SALTS, {"webhook": webhook, "until_ms": old_until_ms})
        self._add_salt(webhook, salt)

    def expect(self, task: TaskId, url: str) -> None:
        self._db.run(_EXPECT, {"task": task, "url": url})

    def listening(self, account: AccountId, task: TaskId) -> Sequence[WebhookSubscription]:
        rows = self._db.all(_LISTENING, {"account": account, "task": task})
        return [WebhookSubscription(WebhookId(id_), url, _events(events)) for id_, url, events in rows]

    def expected(self, task: TaskId) -> None:
        self._db.run(_EXPECTED, {"task": task})

    def with_progress_webhook(self, tasks: Sequence[TaskId]) -> Sequence[TaskId]:
        return [TaskId(row[0]) for row in self._db.all(_WATCHING, {"ids": self._db.ids(tasks)})]

    def forget_task(self, task: TaskId) -> None:
        for statement in _FORGET_TASK:
            self._db.run(statement, {"task": task})

    def forget_account(self, account: AccountId) -> None:
        for statement in _FORGET_ACCOUNT:
            self._db.run(statement, {"account": account})

    def _add_salt(self, webhook: WebhookId, salt: SecretSalt) -> None:
        self._db.run(_ADD_SALT, {"webhook": webhook, "salt": salt.salt, "created_ms": salt.created_ms})


_FORGET_TASK = (
    Sql("DELETE FROM delivery_attempts WHERE delivery IN (SELECT id FROM deliveries WHERE task = :task)"),
    Sql("DELETE FROM deliveries WHERE task = :task"),
    Sql("DELETE FROM task_webhooks WHERE task = :task"),
)
_WEBHOOKS = "SELECT id FROM webhooks WHERE account = :account"
_FORGET_ACCOUNT = (
    Sql(f"""
        DELETE FROM delivery_attempts
        WHERE delivery IN (SELECT id FROM deliveries WHERE webhook IN ({_WEBHOOKS}))
    """),
    Sql(f"DELETE FROM deliveries WHERE webhook IN ({_WEBHOOKS})"),
    Sql(f"DELETE FROM webhook_salts WHERE webhook IN ({_WEBHOOKS})"),
    Sql("DELETE FROM webhooks WHERE account = :account"),
)

_DELIVERY_COLUMNS = (
    "id, webhook, account, lane, url, event, task, state, attempts, retries, due_ms, until_ms, created_ms, finished_ms"
)
_ADD_DELIVERY = Sql("""
    INSERT INTO deliveries (id, webhook, account, lane, url, event, task, state, due_ms, until_ms, created_ms)
    VALUES (:id, :webhook, :account, :lane, :url, :event, :task, 'pending', :due_ms, :until_ms, :created_ms)
    ON CONFLICT (id) DO NOTHING
""")
_GET_DELIVERY = Sql(f"SELECT {_DELIVERY_COLUMNS} FROM deliveries WHERE id = :id")
_DELIVERIES_OF = Sql(f"""
    SELECT {_DELIVERY_COLUMNS} FROM deliveries
    WHERE webhook = :webhook AND (CAST(:state AS VARCHAR) IS NULL OR state = :state)
    ORDER BY created_ms DESC, id LIMIT :limit
""")
_DELIVERIES_OF_TASK = Sql(f"SELECT {_DELIVERY_COLUMNS} FROM deliveries WHERE task = :task ORDER BY created_ms, id")
_ATTEMPTS = Sql("""
    SELECT delivery, number, at_ms, duration_ms, status, error, answer FROM delivery_attempts
    WHERE delivery IN :ids ORDER BY delivery, number
""")

# The index is walked from lane to lane: the cost is that of the lanes, whatever lies in them.
_LANES = Sql("""
    WITH RECURSIVE step(lane) AS (
        SELECT min(lane) FROM deliveries WHERE state = 'pending'
        UNION ALL
        SELECT (SELECT min(d.lane) FROM deliveries d WHERE d.state = 'pending' AND d.lane > step.lane)
        FROM step WHERE step.lane IS NOT NULL),
    waiting AS (
        SELECT lane, (SELECT min(d.due_ms) FROM deliveries d WHERE d.state = 'pending' AND d.lane = step.lane) AS due_ms
        FROM step WHERE lane IS NOT NULL)
    SELECT w.lane, (SELECT d.account FROM deliveries d WHERE d.state = 'pending' AND d.lane = w.lane LIMIT 1)
    FROM waiting w
    WHERE w.due_ms <= :now_ms AND NOT EXISTS (SELECT 1 FROM lanes l WHERE l.id = w.lane AND l.open_until_ms > :now_ms)
    ORDER BY w.due_ms, w.lane LIMIT :limit
""")
# A write that changes nothing: it makes the row where there is none, and locks it.
_HOLD_LANE = Sql("""
    INSERT INTO lanes (id) VALUES (:lane) ON CONFLICT (id) DO UPDATE SET id = excluded.id
    RETURNING failures, openings, open_until_ms, kind, reason
""")
_KEEP_LANE = Sql("""
    UPDATE lanes SET failures = :failures, openings = :openings, open_until_ms = :open_until_ms, kind = :kind,
        reason = :reason, changed_ms = :now_ms
    WHERE id = :lane
""")
_UNDER_WAY = Sql("""
    SELECT count(*) FROM deliveries
    WHERE lane = :lane AND lease_owner IS NOT NULL AND state = 'pending' AND due_ms > :now_ms
""")
_TAKE = Sql(f"""
    WITH due AS MATERIALIZED (
        SELECT id FROM deliveries WHERE state = 'pending' AND lane = :lane AND due_ms <= :now_ms
        ORDER BY due_ms LIMIT :limit {{skip_locked}})
    UPDATE deliveries SET lease_owner = :owner, due_ms = :until_ms WHERE id IN (SELECT id FROM due)
    RETURNING {_DELIVERY_COLUMNS}
""")
_LEASE = Sql(f"""
    UPDATE deliveries SET lease_owner = :owner, due_ms = :until_ms
    WHERE id = :id AND state = 'pending' AND lease_owner IS NULL
    RETURNING {_DELIVERY_COLUMNS}
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
""")
_GIVE_UP = Sql("""
    WITH old AS MATERIALIZED (
        SELECT id FROM deliveries WHERE state = 'pending' AND until_ms <= :now_ms
        ORDER BY until_ms LIMIT :limit {skip_locked})
    UPDATE deliveries SET state = 'failed', lease_owner = NULL, finished_ms = :now_ms WHERE id IN (SELECT id FROM old)
    RETURNING id
""")
_LEASE_OWNERS = Sql("SELECT DISTINCT lease_owner FROM deliveries WHERE lease_owner IS NOT NULL")
_FREE_LEASES = Sql("""
    UPDATE deliveries SET lease_owner = NULL, due_ms = :now_ms WHERE state = 'pending' AND lease_owner IN :ids
""")
_OVER = Sql("""
    SELECT id FROM deliveries WHERE finished_ms IS NOT NULL AND finished_ms <= :before_ms
    ORDER BY finished_ms LIMIT :limit {skip_locked}
""")
_DELETE_ATTEMPTS = Sql("DELETE FROM delivery_attempts WHERE delivery IN :ids")
_DELETE = Sql("DELETE FROM deliveries WHERE id IN :ids")


class SqlDeliveries:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, delivery: Delivery) -> bool:
        return (
            self._db.run(
                _ADD_DELIVERY,
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
                },
            )
            == 1
        )

    def get(self, delivery: DeliveryId) -> Delivery | None:
        row = self._db.one(_GET_DELIVERY, {"id": delivery})
        return _delivery(*row) if row else None

    def of(self, webhook: WebhookId, state: DeliveryState | None, limit: int) -> Sequence[Delivery]:
        rows = self._db.all(_DELIVERIES_OF, {"webhook": webhook, "state": state, "limit": limit})
        return [_delivery(*row) for row in rows]

    def of_task(self, task: TaskId) -> Sequence[Delivery]:
        return [_delivery(*row) for row in self._db.all(_DELIVERIES_OF_TASK, {"task": task})]

    def attempts(self, deliveries: Sequence[DeliveryId]) -> Sequence[tuple[DeliveryId, DeliveryAttempt]]:
        rows = self._db.all(_ATTEMPTS, {"ids": self._db.ids(deliveries)})
        return [(DeliveryId(delivery), DeliveryAttempt(*facts)) for delivery, *facts in rows]

    def lanes(self, now_ms: int, limit: int) -> Sequence[DeliveryLane]:
        rows = self._db.all(_LANES, {"now_ms": now_ms, "limit": limit})
        return [DeliveryLane(lane, AccountId(account)) for lane, account in rows]

    def lock_lane(self, lane: str) -> Breaker:
        row = self._db.one(_HOLD_LANE, {"lane": lane})
        if row is None:
            return CLOSED
        failures, openings, open_until_ms, kind, reason = row
        return Breaker(failures, openings, open_until_ms, FailureKind(kind) if kind else None, reason)

    def save_lane(self, lane: str, breaker: Breaker, now_ms: int) -> None:
        self._db.run(
            _KEEP_LANE,
            {
                "lane": lane,
                "failures": breaker.failures,
                "openings": breaker.openings,
                "open_until_ms": breaker.open_until_ms,
                "kind": breaker.kind,
                "reason": breaker.reason,
                "now_ms": now_ms,
            },
        )

    def under_way(self, lane: str, now_ms: int) -> int:
        return int(self._db.value(_UNDER_WAY, {"lane": lane, "now_ms": now_ms}))

    def take(self, lane: str, owner: str, now_ms: int, lease_until_ms: int, limit: int) -> Sequence[Delivery]:
        rows = self._db.all(
            _TAKE, {"lane": lane, "owner": owner, "now_ms": now_ms, "until_ms": lease_until_ms, "limit": limit}
        )
        return [_delivery(*row) for row in rows]

    def lease(self, delivery: DeliveryId, owner: str, lease_until_ms: int) -> Delivery | None:
        row = self._db.one(_LEASE, {"id": delivery, "owner": owner, "until_ms": lease_until_ms})
        return _delivery(*row) if row else None

    def close(self, delivery: DeliveryId, attempt: DeliveryAttempt, then: NextDelivery, owner: str) -> bool:
        facts = {
            "id": delivery,
            "state": then.state,
            "retries": then.retries,
            "due_ms": then.due_ms,
            "finished_ms": then.finished_ms,
        }
        if then.state is DeliveryState.DELIVERED:
            number = self._db.value(_CLOSE_ANY, facts)
        else:
            number = self._db.value(_CLOSE_OURS, facts | {"owner": owner})
        if number is not None:
            self._log(delivery, number, attempt)
        return number is not None

    def drop(self, delivery: DeliveryId, now_ms: int) -> None:
        self._db.run(_DROP, {"id": delivery, "now_ms": now_ms})

    def drop_all(self, webhook: WebhookId, now_ms: int, limit: int) -> int:
        # Counted by what comes back: SQLite's driver tells no number for a statement that begins with WITH.
        return len(self._db.all(_DROP_ALL, {"webhook": webhook, "now_ms": now_ms, "limit": limit}))

    def replay(self, delivery: DeliveryId, now_ms: int, until_ms: int) -> None:
        self._db.run(_REPLAY, {"id": delivery, "now_ms": now_ms, "until_ms": until_ms})

    def give_up(self, now_ms: int, limit: int) -> int:
        return len(self._db.all(_GIVE_UP, {"now_ms": now_ms, "limit": limit}))

    def lease_owners(self) -> Sequence[str]:
        return [row[0] for row in self._db.all(_LEASE_OWNERS)]

    def free_leases_of(self, owners: Sequence[str], now_ms: int) -> int:
        return self._db.run(_FREE_LEASES, {"ids": self._db.ids(owners), "now_ms": now_ms})

    def prune(self, before_ms: int, limit: int) -> int:
        over = [row[0] for row in self._db.all(_OVER, {"before_ms": before_ms, "limit": limit})]
        if over:
            self._db.run(_DELETE_ATTEMPTS, {"ids": self._db.ids(over)})
            self._db.run(_DELETE, {"ids": self._db.ids(over)})
        return len(over)

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


def _events(text: str) -> tuple[EventType, ...]:
    return tuple(EventType(each) for each in text.split())


def _webhook(id_: str, account: str, url: str | None, events: str, *more: Any) -> Webhook:
    return Webhook(WebhookId(id_), AccountId(account), url, _events(events), *more)


def _delivery(  # noqa: PLR0917 - the columns, in the order of _DELIVERY_COLUMNS
    id_: str,
    webhook: str,
    account: str,
    lane: str,
    url: str | None,
    event: str,
    task: str | None,
    state: str,
    *figures: Any,
) -> Delivery:
    return Delivery(
        DeliveryId(id_),
        WebhookId(webhook),
        AccountId(account),
        lane,
        url,
        EventType(event),
        TaskId(task) if task else None,
        DeliveryState(state),
        *figures,
    )
