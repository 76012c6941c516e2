"""Checking the signature and expiry of a signed link."""

from typing import Any

from starlette.requests import Request

from limner.api.service_container import Services
from limner.domain.refusal import Code, Refusal

SIGNATURE: list[dict[str, Any]] = [
    {"name": "exp", "in": "query", "required": True, "schema": {"type": "string"}},
    {"name": "sig", "in": "query", "required": True, "schema": {"type": "string"}},
]


def check_link(services: Services, request: Request, suggestion: str) -> None:
    expires, signature = request.query_params.get("exp", ""), request.query_params.get("sig", "")
    known = expires.isascii() and expires.isdigit() and len(expires) < 12
    if not known or not services.links.holds(request.scope["path"], int(expires), signature, services.clock.now_ms()):
        raise Refusal(Code.FORBIDDEN, "the link has expired or was changed", suggestion=suggestion)
