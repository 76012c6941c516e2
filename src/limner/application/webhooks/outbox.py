"""Writing down who is to be told of a task, in the unit of work that changes it."""

import uuid
from urllib.parse import urlsplit

from limner.db.records import Records
from limner.db.tables.deliveries import Delivery
from limner.db.tables.webhooks import WebhookSubscription
from limner.domain.ids import AccountId, DeliveryId, WebhookId
from limner.domain.tasks.task import Task
from limner.domain.webhook import FINAL_EVENTS, DeliveryState, EventType, delivery_id, ttl_ms


def enqueue_deliveries(records: Records, task: Task, event: EventType, now_ms: int, detail: str = "") -> None:
    """Write one delivery for each webhook that wants this event; the same event is never written twice.

    `detail` tells events of one kind and task apart.
    """
    listeners = records.webhooks.listening(task.account, task.id)
    for listener in listeners:
        if event in listener.events:
            records.deliveries.add(_delivery(listener, task, event, now_ms, detail))
    if event in FINAL_EVENTS and any(listener.url for listener in listeners):
        records.webhooks.expected(task.id)


def lane_of(webhook: WebhookId, account: AccountId, url: str | None) -> str:
    """What shares a limit and a breaker: a webhook, or among the addresses that come with tasks the host."""
    if url is None:
        return webhook
    parts = urlsplit(url)
    return str(uuid.uuid5(uuid.UUID(account), f"{parts.scheme}://{parts.netloc}".lower()))


def _delivery(listener: WebhookSubscription, task: Task, event: EventType, now_ms: int, detail: str) -> Delivery:
    return Delivery(
        id=_id(listener.webhook, f"{task.id} {event} {detail}"),
        webhook=listener.webhook,
        account=task.account,
        lane=lane_of(listener.webhook, task.account, listener.url),
        url=listener.url,
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
    """Made of what the message is about: the table's own key then keeps a second one out."""
    return delivery_id(uuid.uuid5(uuid.UUID(webhook), about).hex)
