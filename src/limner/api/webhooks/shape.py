"""Webhooks and deliveries as this face shows them."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from limner.application.webhooks.manage import CreatedWebhook, DeliveryHistory
from limner.db.tables.deliveries import Delivery, DeliveryAttempt
from limner.db.tables.webhooks import Webhook


def webhook_body(webhook: Webhook) -> dict[str, Any]:
    """Never with its secret."""
    return {
        "webhook_id": webhook.id,
        "url": webhook.url,
        "per_task": webhook.url is None,
        "events": list(webhook.events),
        "description": webhook.description,
        "enabled": webhook.disabled_ms is None,
        "disabled_why": webhook.disabled_why,
        "created_at": moment(webhook.created_ms),
    }


def created_body(made: CreatedWebhook) -> dict[str, Any]:
    """The one time that the secret is shown."""
    return webhook_body(made.webhook) | {"secret": made.secret}


def delivery_body(delivery: Delivery) -> dict[str, Any]:
    """`next_at` is when it is sent next, null when it is over."""
    over = delivery.finished_ms is not None
    return {
        "delivery_id": delivery.id,
        "webhook_id": delivery.webhook,
        "event": delivery.event,
        "task_id": delivery.task,
        "url": delivery.url,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "created_at": moment(delivery.created_ms),
        "next_at": None if over else moment(delivery.due_ms),
        "finished_at": moment(delivery.finished_ms) if delivery.finished_ms is not None else None,
    }


def history_body(story: DeliveryHistory) -> dict[str, Any]:
    return delivery_body(story.delivery) | {"log": [_attempt(attempt) for attempt in story.attempts]}


def moment(at_ms: int) -> str:
    """A time in ISO 8601, in UTC, to the millisecond."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _attempt(attempt: DeliveryAttempt) -> dict[str, Any]:
    facts = asdict(attempt)
    return {"at": moment(facts.pop("at_ms")), **facts}
