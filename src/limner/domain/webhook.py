"""Webhook events, signatures and the retry schedule.

The format is Standard Webhooks (standardwebhooks.com), so that its published libraries verify our messages.
"""

import base64
import hmac
import re
from enum import StrEnum

from limner.domain.ids import DeliveryId
from limner.domain.routing.backoff import full_jitter_s
from limner.domain.tasks.task import Status


class EventType(StrEnum):
    """The `type` of a message."""

    SUCCEEDED = "task.succeeded"
    FAILED = "task.failed"
    BANNED = "task.banned"
    EXPIRED = "task.expired"
    CANCELLED = "task.cancelled"
    PROGRESS = "task.progress"
    BUDGET = "budget.warning"
    TEST = "webhook.test"


EVENT_OF_STATUS = {
    Status.SUCCESS: EventType.SUCCEEDED,
    Status.FAILED: EventType.FAILED,
    Status.BANNED: EventType.BANNED,
    Status.EXPIRED: EventType.EXPIRED,
    Status.CANCELLED: EventType.CANCELLED,
}
FINAL_EVENTS = tuple(EVENT_OF_STATUS.values())
"""The default subscription."""

SELECTABLE_EVENTS = (*FINAL_EVENTS, EventType.PROGRESS, EventType.BUDGET)
"""The events that a webhook may subscribe to."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret
SECRET_BYTES = 32

RETRY_DELAYS_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""The longest delay before each retry of a final event: ten attempts in all, the last up to three days later."""

TTL_S = {EventType.PROGRESS: 60, EventType.TEST: 600}
"""How long a message of a type that is not retried is kept for sending. Others have `FINAL_TTL_S`."""

FINAL_TTL_S = 96 * 3600

MAX_RETRY_AFTER_S = 86_400
"""The longest `Retry-After` that is respected."""

_MESSAGE = re.compile(r"msg_[0-9a-f]{32}")


class DeliveryState(StrEnum):
    """`failed` used up its attempts or its time; `dropped` lost its webhook or task before it was sent."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


def retry_delay_s(event: EventType, retries: int, chance: float, retry_after_s: int | None) -> float | None:
    """The delay before the next attempt after `retries` retries; None when there is none.

    `chance` is a random number from 0 to 1, `retry_after_s` the receiver's `Retry-After`. Progress is not retried, for
    it would be outdated, and neither is a test message, which is watched while it is sent.
    """
    if event in TTL_S or retries >= len(RETRY_DELAYS_S):
        return None
    jittered = full_jitter_s(0, chance, base_s=RETRY_DELAYS_S[retries], cap_s=RETRY_DELAYS_S[retries])
    return max(jittered, min(retry_after_s or 0, MAX_RETRY_AFTER_S))


def ttl_ms(event: EventType) -> int:
    """How long a message of this type is kept for sending, in ms."""
    return 1000 * TTL_S.get(event, FINAL_TTL_S)


def secret_text(secret: bytes) -> str:
    """A secret in the format of Standard Webhooks."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def signature(secret: bytes, message: str, timestamp_s: int, body: bytes) -> str:
    """One signature, as in the header `webhook-signature`."""
    signed = f"{message}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def is_delivery_id(text: str) -> bool:
    """Whether a text has the format of a delivery id."""
    return _MESSAGE.fullmatch(text) is not None


def delivery_id(hexadecimal: str) -> DeliveryId:
    """The id of a delivery, sent in the header `webhook-id`."""
    return DeliveryId(f"msg_{hexadecimal}")
