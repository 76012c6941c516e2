"""Webhooks, their signing salts, and the `webhook_url` of tasks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from limner.db.sql import Db, Sql
from limner.domain.ids import AccountId, TaskId, WebhookId
from limner.domain.webhook import EventType


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook of an account. `url` is None for the one that serves the `webhook_url` of tasks.

    Nothing is enqueued for a disabled webhook; `disabled_why` is a sentence for its owner.
    """

    id: WebhookId
    account: AccountId
    url: str | None
    events: tuple[EventType, ...]
    description: str
    created_ms: int
    disabled_ms: int | None = None
    disabled_why: str | None = None


@dataclass(frozen=True, slots=True)
class SecretSalt:
    """The stored half of a signing secret; the other half is the server's own secret.

    It signs until `expires_ms`; None for the current one.
    """

    salt: str
    created_ms: int
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True)
class WebhookSubscription:
    """A webhook that receives a task's events. `url` is set when the address is the task's own `webhook_url`."""

    webhook: WebhookId
    url: str | None
    events: tuple[EventType, ...]


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

_SET_TASK_URL = Sql("INSERT INTO task_webhooks (task, url) VALUES (:task, :url)")
_CLEAR_TASK_URL = Sql("DELETE FROM task_webhooks WHERE task = :task")
_SUBSCRIPTIONS = Sql("""
    SELECT w.id, CASE WHEN w.url IS NULL THEN t.url END, w.events
    FROM webhooks w LEFT JOIN task_webhooks t ON t.task = :task
    WHERE w.account = :account AND w.removed_ms IS NULL AND w.disabled_ms IS NULL
      AND (w.url IS NOT NULL OR t.url IS NOT NULL)
""")
_WITH_PROGRESS_WEBHOOK = Sql(f"""
    SELECT t.id FROM tasks t WHERE t.id IN :ids AND t.status = 'running' AND EXISTS (
        SELECT 1 FROM webhooks w LEFT JOIN task_webhooks tw ON tw.task = t.id
        WHERE w.account = t.account AND w.removed_ms IS NULL AND w.disabled_ms IS NULL
          AND (w.url IS NOT NULL OR tw.url IS NOT NULL)
          AND ' ' || w.events || ' ' LIKE '%% {EventType.PROGRESS} %%')
""")


class WebhookTable:
    """Webhooks and their salts. A removed webhook is not found."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, webhook: Webhook, salt: SecretSalt) -> bool:
        """Returns False when it has no `url` and the account has such a webhook already."""
        facts = {"id": webhook.id, "account": webhook.account, "url": webhook.url, "events": " ".join(webhook.events)}
        more = {"description": webhook.description, "created_ms": webhook.created_ms}
        added = self._db.one(_ADD, facts | more) is not None
        if added:
            self._add_salt(webhook.id, salt)
        return added

    def get(self, webhook: WebhookId) -> Webhook | None:
        row = self._db.one(_GET, {"id": webhook})
        return _webhook(row) if row else None

    def of(self, account: AccountId) -> Sequence[Webhook]:
        return [_webhook(row) for row in self._db.all(_OF, {"account": account})]

    def for_tasks(self, account: AccountId) -> Webhook | None:
        """The account's webhook for the `webhook_url` of tasks."""
        row = self._db.one(_FOR_TASKS, {"account": account})
        return _webhook(row) if row else None

    def remove(self, webhook: WebhookId, now_ms: int) -> None:
        self._db.run(_REMOVE, {"id": webhook, "now_ms": now_ms})

    def disable(self, webhook: WebhookId, why: str, now_ms: int) -> None:
        self._db.run(_DISABLE, {"id": webhook, "why": why, "now_ms": now_ms})

    def enable(self, webhook: WebhookId) -> None:
        self._db.run(_ENABLE, {"id": webhook})

    def salts(self, webhook: WebhookId, now_ms: int) -> Sequence[SecretSalt]:
        """The salts that sign at this time, newest first."""
        return [SecretSalt(*row) for row in self._db.all(_SALTS, {"webhook": webhook, "now_ms": now_ms})]

    def rotate(self, webhook: WebhookId, salt: SecretSalt, old_until_ms: int) -> None:
        """Add a salt; the earlier ones sign until `old_until_ms`."""
        self._db.run(_DELETE_SALTS, {"webhook": webhook, "now_ms": salt.created_ms})
        self._db.run(_END_SALTS, {"webhook": webhook, "until_ms": old_until_ms})
        self._add_salt(webhook, salt)

    def set_task_url(self, task: TaskId, url: str) -> None:
        """Store a task's own `webhook_url`."""
        self._db.run(_SET_TASK_URL, {"task": task, "url": url})

    def subscriptions(self, account: AccountId, task: TaskId | None) -> Sequence[WebhookSubscription]:
        """The enabled webhooks of the account that apply to a task, or to the account alone."""
        rows = self._db.all(_SUBSCRIPTIONS, {"account": account, "task": task})
        return [WebhookSubscription(WebhookId(id_), url, _events(events)) for id_, url, events in rows]

    def clear_task_url(self, task: TaskId) -> None:
        """Delete a task's own `webhook_url`, once its end is enqueued."""
        self._db.run(_CLEAR_TASK_URL, {"task": task})

    def with_progress_webhook(self, tasks: Sequence[TaskId]) -> Sequence[TaskId]:
        """Those of these running tasks that have a webhook subscribed to `task.progress`."""
        return [TaskId(row[0]) for row in self._db.all(_WITH_PROGRESS_WEBHOOK, {"ids": self._db.ids(tasks)})]

    def forget_task(self, task: TaskId) -> None:
        """Delete a task's deliveries, their attempts and its own `webhook_url`."""
        for statement in _FORGET_TASK:
            self._db.run(statement, {"task": task})

    def forget_account(self, account: AccountId) -> None:
        """Delete an account's webhooks with salts, deliveries and attempts."""
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
    Sql("DELETE FROM lanes WHERE account = :account"),
    Sql("DELETE FROM webhooks WHERE account = :account"),
)


def _events(text: str) -> tuple[EventType, ...]:
    return tuple(EventType(each) for each in text.split())


def _webhook(row: Sequence[Any]) -> Webhook:
    columns = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return Webhook(**columns | {"events": _events(columns["events"])})
