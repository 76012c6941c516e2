"""A client for Limner. `LimnerClient` blocks, `AsyncLimnerClient` is for asyncio; both have the same methods.

The address and the key come from arguments, or from `LIMNER_CLIENT_URL` and `LIMNER_CLIENT_KEY`.
"""

from limner_client.async_client import AsyncLimnerClient
from limner_client.client import LimnerClient
from limner_client.errors import (
    CallRefused,
    ContentPolicyViolation,
    FieldInvalid,
    KeyForbidden,
    KeyInvalid,
    LimnerError,
    ModelUnknown,
    NotEnoughCredits,
    NothingFound,
    PictureInvalid,
    ServerFailed,
    ServerUnreachable,
    TaskUnsuccessful,
    TooManyRequests,
    WaitTimedOut,
    WebhookForged,
)
from limner_client.references import Reference, Uploaded
from limner_client.tasks import PictureTask
from limner_client.webhooks import WebhookMessage, verify_webhook

__all__ = [
    "AsyncLimnerClient",
    "CallRefused",
    "ContentPolicyViolation",
    "FieldInvalid",
    "KeyForbidden",
    "KeyInvalid",
    "LimnerClient",
    "LimnerError",
    "ModelUnknown",
    "NotEnoughCredits",
    "NothingFound",
    "PictureInvalid",
    "PictureTask",
    "Reference",
    "ServerFailed",
    "ServerUnreachable",
    "TaskUnsuccessful",
    "TooManyRequests",
    "Uploaded",
    "WaitTimedOut",
    "WebhookForged",
    "WebhookMessage",
    "verify_webhook",
]
