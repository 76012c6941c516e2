"""The transactional outbox: webhook deliveries are enqueued in the unit of work that changes the task."""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from limner.db.records import Records
from limner.db.tables.deliveries import Delivery
from limner.db.tables.webhooks import WebhookSubscription
from limner.domain.ids import AccountId, DeliveryId, WebhookId
from limner.domain.tasks.task import Task
from limner.domain.webhook import FINAL_EVENTS, DeliveryState, EventType, delivery_id, ttl_ms

MAX_WAITING_LANES = 200
"""Lanes with pending deliveries per account, before hosts of per-task addresses share lanes."""

SHARED_LANES = 16


def enqueue_deliveries(records: Records, task: Task, event: EventType, now_ms: int, detail: str = "") -> None:
    """Add one delivery for each webhook subscribed to this event; adding the same event again has no effect.

    `detail` distinguishes events of one type and task, as for progress.
    """
    subscriptions = records.webhooks.subscriptions(task.account, task.id)
    deliveries = [
        _delivery(subscription, task, event, now_ms, lane=_lane(records, subscription, task.account), detail=detail)
        for subscription in subscriptions
        if event in subscription.events
    ]
    for delivery in sorted(deliveries, key=lambda each: each.lane):  # lanes are locked in one order everywhere
        records.deliveries.add(delivery)
    if event in FINAL_EVENTS and any(subscription.url for subscription in subscriptions):
        records.webhooks.clear_task_url(task.id)


def enqueue_account_event(
    records: Records, account: AccountId, event: EventType, detail: Mapping[str, Any], *, about: str, now_ms: int
) -> None:
    """Add one delivery for each webhook of the account that is subscribed to this event, which is about no task.

    `about` names the event: adding it again has no effect.
    """
    for subscription in sorted(records.webhooks.subscriptions(account, None), key=lambda each: each.webhook):
        if event in subscription.events:
            records.deliveries.add(
                Delivery(
                    id=_id(subscription.webhook, about),
                    webhook=subscription.webhook,
                    account=account,
                    lane=lane_of(subscription.webhook, account, None),
                    url=None,
                    event=event,
                    task=None,
                    state=DeliveryState.PENDING,
                    attempts=0,
                    retries=0,
                    due_ms=now_ms,
                    until_ms=now_ms + ttl_ms(event),
                    created_ms=now_ms,
                    detail=detail,
                )
            )


def lane_of(webhook: WebhookId, account: AccountId, url: str | None) -> str:
    """The id that shares a concurrency limit and a breaker: the webhook, or the host of a task's own `webhook_url`."""
    if url is None:
        return webhook
    parts = urlsplit(url)
    return str(uuid.uuid5(uuid.UUID(account), f"{parts.scheme}://{parts.netloc}".lower()))


def shared_lane_of(account: AccountId, lane: str) -> str:
    """The lane that a host shares with others of its account when too many lanes are waiting."""
    return str(uuid.uuid5(uuid.UUID(account), f"shared {uuid.UUID(lane).int % SHARED_LANES}"))


def _lane(records: Records, subscription: WebhookSubscription, account: AccountId) -> str:
    lane = lane_of(subscription.webhook, account, subscription.url)
    if subscription.url is None or records.lanes.may_wait(lane, account, MAX_WAITING_LANES):
        return lane
    return shared_lane_of(account, lane)


def _delivery(
    subscription: WebhookSubscription, task: Task, event: EventType, now_ms: int, *, lane: str, detail: str
) -> Delivery:
    return Delivery(
        id=_id(subscription.webhook, f"{task.id} {event} {detail}"),
        webhook=subscription.webhook,
        account=task.account,
        lane=lane,
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
