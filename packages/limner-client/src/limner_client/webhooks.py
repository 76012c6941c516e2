"""Checking the signatures of webhook messages, as Standard Webhooks defines them."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limner_client.errors import WebhookForged
from limner_client.tasks import PictureTask, task_of

TOLERANCE_S = 300


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """`id` is the same when a message is sent again: process each once. `task` is None for messages of no task."""

    id: str
    type: str
    data: Mapping[str, Any]
    task: PictureTask | None


def verify_webhook(
    secret: str, headers: Mapping[str, str], body: bytes, *, now_s: float | None = None
) -> WebhookMessage:
    """The message, if it is genuine and not older than five minutes. Raises `WebhookForged`."""
    found = {name.lower(): value for name, value in headers.items()}
    message_id, moment = found.get("webhook-id", ""), found.get("webhook-timestamp", "")
    if not moment.isdecimal() or abs((time.time() if now_s is None else now_s) - int(moment)) > TOLERANCE_S:
        raise WebhookForged("its timestamp is missing, or more than five minutes away from this clock")
    expected = _signature(secret, f"{message_id}.{moment}.".encode() + body)
    given = found.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(each.encode(), expected) for each in given):
        raise WebhookForged("no signature fits: the secret is another one, or the message was changed")
    message = json.loads(body)
    data = message["data"]
    return WebhookMessage(message_id, message["type"], data, task_of(data) if "task_id" in data else None)


def _signature(secret: str, signed: bytes) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("the secret is not one of a webhook: it begins with whsec_") from error
    return b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
