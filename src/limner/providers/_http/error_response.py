"""What a response with an error status means, for every vendor."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from limner.domain.routing.failure import Failure, FailureKind
from limner.providers._http.redaction import redacted
from limner.providers._http.response import VendorResponse
from limner.providers._http.retry_after import retry_after_s

_KINDS: Mapping[int, FailureKind] = MappingProxyType(
    {
        401: FailureKind.AUTH,
        402: FailureKind.QUOTA_EXHAUSTED,
        403: FailureKind.AUTH,
        404: FailureKind.MODEL_UNAVAILABLE,
        405: FailureKind.MODEL_UNAVAILABLE,
        408: FailureKind.TRANSIENT,
        409: FailureKind.TRANSIENT,
        410: FailureKind.MODEL_UNAVAILABLE,
        425: FailureKind.TRANSIENT,
        429: FailureKind.RATE_LIMITED,
    }
)

_REASONS: Mapping[FailureKind, str] = MappingProxyType(
    {
        FailureKind.AUTH: "{vendor} does not accept our key",
        FailureKind.BAD_INPUT: "{vendor} refused the request",
        FailureKind.MODEL_UNAVAILABLE: "{vendor} does not have this model",
        FailureKind.QUOTA_EXHAUSTED: "our credit at {vendor} is used up",
        FailureKind.RATE_LIMITED: "{vendor} accepts no more requests at the moment",
        FailureKind.TRANSIENT: "{vendor} is out of order",
        FailureKind.UNKNOWN_OUTCOME: "a gateway timed out on {vendor}; whether the work was done is unknown",
    }
)

_GATEWAY_LOST_ORIGIN: Final = frozenset({520, 522, 524, 527})
"""Cloudflare: the request was passed on and not answered. With 521, 523, 525 and 526 it never reached the origin."""

_BAD_GATEWAY: Final = frozenset({502, 504})
"""Sent by vendors, with an error of their own, and by gateways and load balancers in front of them."""

_FASTLY: Final = ("first byte timeout", "between bytes timeout", "backend read error")
_ENVOY: Final = "upstream connect error or disconnect/reset before headers"
_ENVOY_NOT_SENT: Final = ("connection failure", "connection timeout", "overflow")

_BLOCKED: Final = "a firewall or proxy in front of {vendor} refused the request"

_VENDOR_ERROR_FIELDS: Final = frozenset({"error", "detail", "error_type", "code", "title"})


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """A vendor's message about an error, and the request field that it is about."""

    words: str = ""
    field: str | None = None

    def __str__(self) -> str:
        return ": ".join(part for part in (self.field, self.words) if part)


def failure_from(
    vendor: str, response: VendorResponse, *, rate_wait_s: float = 5.0, plain_refusals: bool = False
) -> Failure:
    """The failure for an error status, where the vendor has no error code that says more.

    `rate_wait_s` is the wait after a 429 that names none. `plain_refusals`: the vendor's own 401 and 403 have no JSON
    body, and only a page of HTML comes from a firewall.
    """
    blocked = _is_blocked(response) and not (plain_refusals and not _is_html(response.text))
    kind = FailureKind.TRANSIENT if blocked else failure_kind(response)
    message = str(error_message(response.body))
    reason = (_BLOCKED if blocked else _REASONS[kind]).format(vendor=vendor) + (f": {message}" if message else "")
    wait_s = retry_after_s(response)
    if kind is FailureKind.RATE_LIMITED and wait_s is None:
        wait_s = rate_wait_s
    # A 403 may be about this model alone: access to it, or a check of the organisation that it asks for.
    of_key = kind is FailureKind.AUTH and response.status == 401
    return Failure(kind, reason, retry_after_s=wait_s, detail=detail_of(response), of_key=of_key)


def failure_kind(response: VendorResponse) -> FailureKind:
    status = response.status
    if is_gateway_timeout(response):
        return FailureKind.UNKNOWN_OUTCOME
    if 300 <= status < 400:
        return FailureKind.MODEL_UNAVAILABLE  # a wrong base URL: the key does not follow redirects
    return _KINDS.get(status, FailureKind.BAD_INPUT if 400 <= status < 500 else FailureKind.TRANSIENT)


def is_gateway_timeout(response: VendorResponse) -> bool:
    """Whether a gateway answered in the vendor's place after it had passed the request on: the work may be done."""
    if response.status in _BAD_GATEWAY:
        return not is_vendors_own(response.body)
    if response.status == 503:
        return _is_unanswered_503(response.text.lower())
    return response.status in _GATEWAY_LOST_ORIGIN


def _is_unanswered_503(text: str) -> bool:
    """A 503 is a refusal, except where a gateway's page says that the answer did not come."""
    if any(reason in text for reason in _FASTLY):
        return True
    return text.startswith(_ENVOY) and not any(reason in text for reason in _ENVOY_NOT_SENT)


def _is_blocked(response: VendorResponse) -> bool:
    """Whether a 401 or 403 has no error body of the vendor: a firewall's page says nothing about our key."""
    return response.status in {401, 403} and not is_vendors_own(response.body)


def _is_html(text: str) -> bool:
    return text.lstrip().startswith("<")


def is_vendors_own(body: Any) -> bool:
    """Whether an error body is the vendor's.

    Gateways send a page, plain text, `{"message": …}` (AWS, Kong) or JSON with a mark of its own (Cloudflare).
    """
    return isinstance(body, dict) and not body.get("cloudflare_error") and bool(body.keys() & _VENDOR_ERROR_FIELDS)


def error_message(body: Any) -> ErrorMessage:
    """The message of an error body, in any of the shapes that vendors use."""
    match body:
        case [first, *_] | {"detail": [first, *_]}:
            return error_message(first)
        case {"loc": [*places], "msg": str(words)}:
            return ErrorMessage(redacted(words), ".".join(str(each) for each in places if each != "body") or None)
        case {"detail": {} as inner} | {"error": {} as inner}:
            return error_message(inner)
        case {"detail": str(words)} | {"message": str(words)} | {"error": str(words)} | {"title": str(words)}:
            return ErrorMessage(redacted(words))
        case str(words):
            return ErrorMessage(redacted(words))
    return ErrorMessage()


def detail_of(response: VendorResponse) -> str:
    """Status and beginning of the body, for `explain`."""
    return f"HTTP {response.status} {redacted(response.text)}".rstrip()
