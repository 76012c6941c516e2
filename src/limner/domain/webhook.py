"""What is told to the outside when a task changes: the events, how a message is signed, and when it is sent again.

The format is that of Standard Webhooks (standardwebhooks.com), so that its published libraries verify what we send.
"""

import base64
import hmac
import re
from enum import StrEnum

from limner.domain.ids import DeliveryId
from limner.domain.routing.backoff import full_jitter_s
from limner.domain.tasks.task import Status


class EventType(StrEnum):
    """What a message is about."""

    SUCCEEDED = "task.succeeded"
    FAILED = "task.failed"
    BANNED = "task.banned"
    EXPIRED = "task.expired"
    CANCELLED = "task.cancelled"
    PROGRESS = "task.progress"
    TEST = "webhook.test"


EVENT_OF_STATUS = {
    Status.SUCCESS: EventType.SUCCEEDED,
    Status.FAILED: EventType.FAILED,
    Status.BANNED: EventType.BANNED,
    Status.EXPIRED: EventType.EXPIRED,
    Status.CANCELLED: EventType.CANCELLED,
}
FINAL_EVENTS = tuple(EVENT_OF_STATUS.values())
"""What a webhook is told unless it asks for something else."""

SELECTABLE_EVENTS = (*FINAL_EVENTS, EventType.PROGRESS)
"""What a webhook may ask for."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - how every secret begins
SECRET_BYTES = 32

RETRY_DELAYS_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""The longest wait before each further try of an end: ten tries in all, the last one up to three days later."""

TTL_S = {EventType.PROGRESS: 60, EventType.TEST: 600}
"""How long a message may wait to be sent, all tries included, where it is not `FINAL_TTL_S`."""

FINAL_TTL_S = 96 * 3600

MAX_RETRY_AFTER_S = 86_400
"""How long a `Retry-After` is obeyed at most."""

_MESSAGE = re.compile(r"msg_[0-9a-f]{32}")


class DeliveryState(StrEnum):
    """`failed` was tried as often as it may be, `dropped` had nowhere to go any more."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


def retry_delay_s(event: EventType, retries: int, chance: float, wish_s: int | None) -> float | None:
    """How long until the next try after `retries` of them; None when there is none.

    `chance` is a number from 0 to 1, `wish_s` what the receiver asked for. Only the end of a task is tried again:
    progress is old by then, and who tests looks at once.
    """
    if event not in FINAL_EVENTS or retries >= len(RETRY_DELAYS_S):
        return None
    jittered = full_jitter_s(0, chance, base_s=RETRY_DELAYS_S[retries], cap_s=RETRY_DELAYS_S[retries])
    return max(jittered, min(wish_s or 0, MAX_RETRY_AFTER_S))


def ttl_ms(event: EventType) -> int:
    """How long a message is worth sending."""
    return 1000 * TTL_S.get(event, FINAL_TTL_S)


def secret_text(secret: bytes) -> str:
    """A secret as its owner gets it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def signature(secret: bytes, message: str, timestamp_s: int, body: bytes) -> str:
    """One signature of a message, as it stands in the header `webhook-signature`."""
    signed = f"{message}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def is_delivery_id(text: str) -> bool:
    """Whether a text may name a delivery at all."""
    return _MESSAGE.fullmatch(text) is not None


def delivery_id(hexadecimal: str) -> DeliveryId:
    """The id of a delivery, which its receiver reads in the header `webhook-id`."""
    return DeliveryId(f"msg_{hexadecimal}")
