"""JSON bodies of webhooks and deliveries."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from limner.application.webhooks.manage import CreatedWebhook, DeliveryHistory
from limner.db.tables.deliveries import Delivery, DeliveryAttempt
from limner.db.tables.webhooks import Webhook


def webhook_body(webhook: Webhook) -> dict[str, Any]:
    """A webhook without its secret."""
    return {
        "webhook_id": webhook.id,
        "url": webhook.url,
        "per_task": webhook.url is None,
        "events": list(webhook.events),
        "description": webhook.description,
        "enabled": webhook.disabled_ms is None,
        "disabled_why": webhook.disabled_why,
        "created_at": iso_time(webhook.created_ms),
    }


def created_body(created: CreatedWebhook) -> dict[str, Any]:
    """A webhook with its secret: only for the response that created or rotated it."""
    return webhook_body(created.webhook) | {"secret": created.secret}


def delivery_body(delivery: Delivery) -> dict[str, Any]:
    """`next_at` is when it is sent next, null when it is finished."""
    finished = delivery.finished_ms is not None
    return {
        "delivery_id": delivery.id,
        "webhook_id": delivery.webhook,
        "event": delivery.event,
        "task_id": delivery.task,
        "url": delivery.url,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "created_at": iso_time(delivery.created_ms),
        "next_at": None if finished else iso_time(delivery.due_ms),
        "finished_at": iso_time(delivery.finished_ms) if delivery.finished_ms is not None else None,
    }


def history_body(history: DeliveryHistory) -> dict[str, Any]:
    return delivery_body(history.delivery) | {"log": [_attempt(attempt) for attempt in history.attempts]}


def iso_time(at_ms: int) -> str:
    """ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _attempt(attempt: DeliveryAttempt) -> dict[str, Any]:
    facts = asdict(attempt)
    return {"at": iso_time(facts.pop("at_ms")), **facts}
