"""Classifies error answers by their details, else by their HTTP status."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from limner.domain.routing.failure import Failure, FailureKind
from limner.providers._http import VendorResponse, detail_of, error_message, failure_from
from limner.providers.gemini.protobuf_json import get_field, get_list

VENDOR: Final = "Google"


_NO_QUOTA: Final = re.compile(r"\blimit: 0\b")


def refusal_of(answer: VendorResponse) -> Failure:
    """Classify an error answer by its details, else by its HTTP status."""
    if isinstance(answer.body, list) and answer.body:
        answer = replace(answer, body=answer.body[0])
    kind = kind_of_error(answer)
    general = failure_from(VENDOR, answer)
    if kind is None or kind is general.kind:
        return general
    words = error_message(answer.body).words
    reason = f"{_REFUSALS[kind]}: {words}" if words else _REFUSALS[kind]
    return Failure(kind, reason, detail=detail_of(answer), of_key=kind is FailureKind.AUTH)


_REFUSALS: Final[Mapping[FailureKind, str]] = {
    FailureKind.AUTH: "Google does not accept the API key, or not from this server's location",
    FailureKind.QUOTA_EXHAUSTED: "the quota at Google is used up",
}


def kind_of_error(answer: VendorResponse) -> FailureKind | None:
    """The kind that the error's details name; None when only the HTTP status counts."""
    error = get_field(answer.body, "error")
    details = [each for each in get_list(error, "details") if isinstance(each, dict)]
    words = str(get_field(error, "message")).lower()
    if any(each.get("reason") == "API_KEY_INVALID" for each in details):
        return FailureKind.AUTH
    if answer.status == 400 and get_field(error, "status") == "FAILED_PRECONDITION":
        if "billing" in words:
            return FailureKind.QUOTA_EXHAUSTED
        return FailureKind.AUTH if "location" in words else None
    quotas = [str(get_field(one, "quotaId", "quota_id")) for each in details for one in get_list(each, "violations")]
    if answer.status == 429 and (any("PerDay" in quota for quota in quotas) or _NO_QUOTA.search(words)):
        return FailureKind.QUOTA_EXHAUSTED
    return None
