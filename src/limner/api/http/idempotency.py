"""The Idempotency-Key header."""

import hashlib
from functools import partial

from starlette.requests import Request

from limner.api.http.bodies.json_body import result_of
from limner.application.tasks.accept import IdempotencyKey
from limner.application.tasks.submit import Submitted
from limner.domain.refusal import Code, Refusal


async def idempotency(request: Request, body: bytes) -> IdempotencyKey | None:
    """The Idempotency-Key with the hash of path and body, or None. Raises `Refusal` 1004."""
    key = request.headers.get("idempotency-key")
    return None if key is None else await result_of(partial(idempotency_of, key, request.url.path), body)


def idempotency_of(key: str, path: str, body: bytes) -> IdempotencyKey:
    """The key with the hash of path and body. Raises `Refusal` 1004 for a key that is none."""
    return IdempotencyKey(checked_key(key), hashlib.sha256(path.encode() + b"\0" + body).hexdigest())


def checked_key(key: str) -> str:
    """The key. Raises `Refusal` 1004 for one that is none: two keys that were cut to one would be one request."""
    if not 1 <= len(key) <= 255 or not all("!" <= each <= "~" for each in key):
        raise Refusal(
            Code.INVALID,
            "the Idempotency-Key is not 1 to 255 visible ASCII characters",
            suggestion="Use a UUID, a new one for each new request.",
            field="Idempotency-Key",
        )
    return key


def replayed(created: Submitted) -> dict[str, str]:
    """The header that marks a replayed response."""
    return {"Idempotency-Replayed": "true"} if created.replayed else {}
