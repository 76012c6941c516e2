"""The operator's judge: asked over HTTP, by messages that are signed as webhooks are."""

import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog

from limner.domain.ids import DeliveryId
from limner.domain.moderation import ALLOWED, OnNoVerdict, Verdict
from limner.domain.webhook import signature
from limner.ports.clock import Clock
from limner.ports.webhook_http import WebhookAnswered, WebhookHttp

log = structlog.get_logger()

PAUSE_S = 2.0
"""Between two questions, where the policy is to wait."""

NO_VERDICT = Verdict(allowed=False, reason="the judge of this service gave no verdict in time")

_MOST_CATEGORIES = 10
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Judge:
    """`stages` are those at which it is asked. Without a verdict `on_no_verdict` decides."""

    http: WebhookHttp
    url: str
    secret: bytes = field(repr=False)
    clock: Clock
    on_no_verdict: OnNoVerdict
    before_order: bool = True
    before_delivery: bool = True

    @property
    def without_verdict(self) -> Verdict | None:
        """What holds where the judge gives none; None where it is asked again."""
        if self.on_no_verdict is OnNoVerdict.WAIT:
            return None
        return ALLOWED if self.on_no_verdict is OnNoVerdict.ALLOW else NO_VERDICT

    async def ask(self, question: Mapping[str, Any]) -> Verdict | None:
        """Its verdict; None where it gave none, for whatever reason."""
        body = orjson.dumps(question)
        message, timestamp_s = f"msg_{uuid.uuid4().hex}", self.clock.now_ms() // 1000
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": signature(self.secret, DeliveryId(message), timestamp_s, body),
        }
        answer = await self.http(self.url, headers, body)
        if not isinstance(answer, WebhookAnswered):
            log.warning("the judge gave no verdict", reason=answer.error)
            return None
        verdict = _verdict(answer.text) if answer.is_success else None
        if verdict is None:
            log.warning("the judge gave no verdict", reason=f"HTTP {answer.status} without a verdict")
        return verdict


def picture_fields(media_type: str, data: bytes) -> dict[str, str]:
    """A picture as it stands in a question."""
    return {"media_type": media_type, "data": base64.b64encode(data).decode()}


def _verdict(text: str) -> Verdict | None:
    """What the body says: `{"allow": true}`, or `{"allow": false, "reason": …, "categories": […]}`."""
    try:
        body = json.loads(text)
    except ValueError:
        return None
    if not isinstance(body, dict) or not isinstance(body.get("allow"), bool):
        return None
    reason, categories = body.get("reason"), body.get("categories")
    told = [each for each in categories if isinstance(each, str)] if isinstance(categories, list) else []
    return Verdict(
        body["allow"],
        _one_line(reason) if isinstance(reason, str) else "",
        tuple(_one_line(each)[:40] for each in told[:_MOST_CATEGORIES]),
    )


def _one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:_LONGEST]
