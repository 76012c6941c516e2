"""Checking the signature and expiry of a signed link."""

from typing import Any

from starlette.requests import Request

from limner.api.service_container import Services
from limner.domain.refusal import Code, Refusal

SIGNATURE: list[dict[str, Any]] = [
    {"name": "exp", "in": "query", "required": True, "schema": {"type": "string"}},
    {"name": "sig", "in": "query", "required": True, "schema": {"type": "string"}},
]


UPLOAD_SIGNATURE: list[dict[str, Any]] = [
    {"name": "key", "in": "query", "required": True, "schema": {"type": "string"}},
    *SIGNATURE,
]


def check_link(services: Services, request: Request, suggestion: str, key: str = "") -> None:
    """Raises `Refusal` 1005. `key` is the id of the API key that the link must be signed for."""
    expires, signature = request.query_params.get("exp", ""), request.query_params.get("sig", "")
    known = expires.isascii() and expires.isdigit() and len(expires) < 12
    now_ms = services.clock.now_ms()
    if not known or not services.links.holds(request.scope["path"], int(expires), signature, now_ms, key):
        raise Refusal(Code.FORBIDDEN, "the link has expired or was changed", suggestion=suggestion)
