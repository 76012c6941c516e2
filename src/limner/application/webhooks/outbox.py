"""The transactional outbox: webhook deliveries are enqueued in the unit of work that changes the task."""

import uuid
from urllib.parse import urlsplit

from limner.db.records import Records
from limner.db.tables.deliveries import Delivery
from limner.db.tables.webhooks import WebhookSubscription
from limner.domain.ids import AccountId, DeliveryId, WebhookId
from limner.domain.tasks.task import Task
from limner.domain.webhook import FINAL_EVENTS, DeliveryState, EventType, delivery_id, ttl_ms


def enqueue_deliveries(records: Records, task: Task, event: EventType, now_ms: int, detail: str = "") -> None:
    """Add one delivery for each webhook subscribed to this event; adding the same event again has no effect.

    `detail` distinguishes events of one type and task, as for progress.
    """
    subscriptions = records.webhooks.subscriptions(task.account, task.id)
    for subscription in subscriptions:
        if event in subscription.events:
            records.deliveries.add(_delivery(subscription, task, event, now_ms, detail))
    if event in FINAL_EVENTS and any(subscription.url for subscription in subscriptions):
        records.webhooks.clear_task_url(task.id)


def lane_of(webhook: WebhookId, account: AccountId, url: str | None) -> str:
    """The id that shares a concurrency limit and a breaker: the webhook, or the host of a task's own `webhook_url`."""
    if url is None:
        return webhook
    parts = urlsplit(url)
    return str(uuid.uuid5(uuid.UUID(account), f"{parts.scheme}://{parts.netloc}".lower()))


def _delivery(subscription: WebhookSubscription, task: Task, event: EventType, now_ms: int, detail: str) -> Delivery:
    return Delivery(
        id=_id(subscription.webhook, f"{task.id} {event} {detail}"),
        webhook=subscription.webhook,
        account=task.account,
        lane=lane_of(subscription.webhook, task.account, subscription.url),
        url=subscription.url,
        event=event,
        task=task.id,
        state=DeliveryState.PENDING,
        attempts=0,
        retries=0,
        due_ms=now_ms,
        until_ms=now_ms + ttl_ms(event),
        created_ms=now_ms,
    )


def _id(webhook: WebhookId, about: str) -> DeliveryId:
    """Derived from the event, so that the primary key rejects a duplicate."""
    return delivery_id(uuid.uuid5(uuid.UUID(webhook), about).hex)
