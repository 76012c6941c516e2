"""Classifies error answers by their codes, else by their HTTP status."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.providers._http import VendorResponse, error_message, failure_from, redacted

POLICY_CODES: Final = frozenset(
    {
        "moderation_blocked",
        "content_policy_violation",
        "image_content_policy_violation",
        "contentFilter",
        "content_filter",
        "ResponsibleAIPolicyViolation",
    }
)
QUOTA_CODES: Final = frozenset(
    {
        "billing_hard_limit_reached",
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    }
)


_RATE_WAIT_S: Final = 12.0
"""OpenAI's lowest tier allows five pictures a minute: one every 12 seconds."""


def refusal_of(answer: VendorResponse, vendor: str) -> Failure:
    """Classify an error answer by its codes, else by its HTTP status."""
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    error = error if isinstance(error, dict) else {}
    codes = set(codes_of(error))
    words = error_message(answer.body).words
    about = f": {words}" if words else ""
    detail = detail_of(answer)
    if codes & POLICY_CODES or "safety_violations" in words:
        reason = f"{vendor}'s content policy forbids this{_categories(error)}{about}"
        return Failure(FailureKind.CONTENT_POLICY, reason, detail=detail, stage=_stage(error))
    if codes & QUOTA_CODES:
        reason = f"the credit at {vendor} is used up{about}"
        return Failure(FailureKind.QUOTA_EXHAUSTED, reason, detail=detail)
    if "model_not_found" in codes or "model mismatch" in words.lower():
        reason = f"{vendor} does not have this model{about}"
        return Failure(FailureKind.MODEL_UNAVAILABLE, reason, detail=detail)
    return replace(failure_from(vendor, answer, rate_wait_s=_RATE_WAIT_S), detail=detail)


def codes_of(error: Mapping[str, Any]) -> Iterator[str]:
    """The error's codes and types, including those of Azure's nested error."""
    for place in (error, error.get("inner_error"), error.get("innererror")):
        if isinstance(place, dict):
            yield from (str(place[name]) for name in ("code", "type") if place.get(name))


def _stage(error: Mapping[str, Any]) -> Stage | None:
    match error.get("moderation_details"):
        case {"moderation_stage": "input"}:
            return Stage.INPUT
        case {"moderation_stage": "output"}:
            return Stage.OUTPUT
    return None


def _categories(error: Mapping[str, Any]) -> str:
    """What the policy found, as " (sexual, violence)"; empty where the answer does not say."""
    match error.get("moderation_details"):
        case {"categories": [_, *_] as found}:
            return f" ({', '.join(redacted(each) for each in found)})"
    return ""


def detail_of(answer: VendorResponse) -> str:
    """HTTP status, request id and beginning of the body, for `limner tasks explain`."""
    request_id = redacted(answer.headers.get("x-request-id"))
    known = f" ({request_id})" if request_id else ""
    return f"HTTP {answer.status}{known} {redacted(answer.text)}".rstrip()
