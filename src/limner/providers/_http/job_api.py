"""What vendors that work on a job have in common: it is ordered, asked after, and its picture is fetched."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import GenerationRequest, Pending
from limner.providers._http.blank_image import blank_failure, is_blank
from limner.providers._http.client import VendorHttp
from limner.providers._http.redaction import redacted
from limner.providers._http.response import BadResponse, NoResponse, UntrustedHost, VendorResponse, no_response_failure
from limner.providers._http.retry_after import retry_after_s

ASK_AGAIN_S: Final = 2.0
"""After a question without an answer, where the vendor names no time."""

LONGEST_WAIT_S: Final = 30.0
"""However long a vendor asks us to wait before the next question about a job that is bought already."""

LINK_LIFE_S: Final = 600.0
"""A dead link is asked for again for this long after the order; then the picture counts as lost, though paid for."""

ORDER_S: Final = 120.0
QUESTION_S: Final = 30.0
DOWNLOAD_S: Final = 120.0

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

_SENTENCES: Mapping[FailureKind, str] = MappingProxyType(
    {
        FailureKind.AUTH: "{vendor} does not accept our key",
        FailureKind.BAD_INPUT: "{vendor} refused the order",
        FailureKind.MODEL_UNAVAILABLE: "{vendor} does not have this model",
        FailureKind.QUOTA_EXHAUSTED: "our credit at {vendor} is used up",
        FailureKind.RATE_LIMITED: "{vendor} takes no more orders for the moment",
        FailureKind.TRANSIENT: "{vendor} is out of order",
        FailureKind.UNKNOWN_OUTCOME: "a gateway gave up on {vendor}'s answer; whether the work was done is unknown",
    }
)

_BLOCKED_SENTENCE: Final = "a firewall or proxy in front of {vendor} refused the request"

_LOST_BEHIND_GATEWAY: Final = frozenset({520, 522, 524, 527})
"""Cloudflare passed the request on and got no answer. With 521, 523, 525 and 526 it never reached the origin."""

_GATEWAY_PAGES: Final = frozenset({502, 504})
"""Vendors send these with an error of their own, gateways and load balancers in the vendor's place."""

# A key that is refused now may have been right when the job was ordered, and may be put right while it runs.
_NO_ANSWERS: Final = frozenset({401, 403, 408, 425, 429})


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """A job is done and its picture lies at `link`. `cost_usd` is what the vendor says it took for it."""

    link: str
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """A vendor's words about a refusal, and the field of the order they are about."""

    words: str = ""
    field: str | None = None

    def __str__(self) -> str:
        return ": ".join(part for part in (self.field, self.words) if part)


# --- ordering ---------------------------------------------------------------------------------------------------


def unknown_model(vendor: str, upstream: str, known: Iterable[str]) -> Failure:
    return Failure(
        FailureKind.MODEL_UNAVAILABLE, f"{vendor}'s model {upstream!r} is not known here: {', '.join(known)} are"
    )


def too_many_references(order: GenerationRequest, most: int) -> Failure | None:
    given = len(order.references)
    if given <= most:
        return None
    return Failure(FailureKind.BAD_INPUT, f"{order.upstream} takes {most} reference pictures at most, {given} came")


async def submit_job(
    http: VendorHttp, vendor: str, path: str, body: Any, *, deadline_s: float
) -> VendorResponse | Failure:
    """Send an order that costs money. Whatever the vendor answered comes back, refusals too.

    The wait ends before the deadline does, so that a silent vendor is told from a slow one.
    """
    try:
        return await http.call("POST", path, json=body, timeout_s=min(0.75 * deadline_s, ORDER_S))
    except NoResponse as trouble:
        return no_response_failure(vendor, trouble)
    except BadResponse as trouble:
        return Failure(FailureKind.UNKNOWN_OUTCOME, f"{vendor}'s answer to the order {trouble.reason}")


def failure_from(
    vendor: str, answer: VendorResponse, *, rate_wait_s: float = 5.0, plain_refusals: bool = False
) -> Failure:
    """The failure that an error status stands for, unless the vendor has error codes of its own.

    `plain_refusals`: the vendor's own 401 and 403 have no JSON body, and only a page of HTML comes from a firewall.
    """
    blocked = _is_blocked_before_vendor(answer) and not (plain_refusals and not _is_html(answer.text))
    kind = FailureKind.TRANSIENT if blocked else failure_kind(answer)
    told = error_message(answer.body)
    sentence = _BLOCKED_SENTENCE if blocked else _SENTENCES[kind]
    reason = sentence.format(vendor=vendor) + (f": {told}" if str(told) else "")
    wait_s = retry_after_s(answer)
    if kind is FailureKind.RATE_LIMITED and wait_s is None:
        wait_s = rate_wait_s
    stated = is_vendors_own(answer.body)
    return Failure(kind, reason, retry_after_s=wait_s, detail=detail_of(answer), vendor_stated=stated)


def failure_kind(answer: VendorResponse) -> FailureKind:
    status = answer.status
    if _lost_behind_gateway(answer):
        return FailureKind.UNKNOWN_OUTCOME
    if 300 <= status < 400:
        return FailureKind.MODEL_UNAVAILABLE  # the base URL leads elsewhere, and the key does not follow
    return _KINDS.get(status, FailureKind.BAD_INPUT if 400 <= status < 500 else FailureKind.TRANSIENT)


def _lost_behind_gateway(answer: VendorResponse) -> bool:
    """Whether a gateway answered in the vendor's place after it had passed the request on: the work may be done."""
    if answer.status in _GATEWAY_PAGES:
        return not is_vendors_own(answer.body)
    if answer.status == 503:  # Envoy, which says so as well where no connection came about
        words = answer.text.lower()
        return words.startswith("upstream connect error or disconnect/reset before headers") and not any(
            each in words for each in ("connection failure", "connection timeout", "overflow")
        )
    return answer.status in _LOST_BEHIND_GATEWAY


def _is_blocked_before_vendor(answer: VendorResponse) -> bool:
    """Whether a 401 or 403 has no error body of the vendor: a firewall's page says nothing about our key."""
    return answer.status in {401, 403} and not is_vendors_own(answer.body)


def _is_html(text: str) -> bool:
    return text.lstrip().startswith("<")


def is_vendors_own(body: Any) -> bool:
    """Whether an error body is the vendor's.

    Gateways send a page, plain words, `{"message": ...}` (AWS, Kong) or a marked JSON (Cloudflare).
    """
    return isinstance(body, dict) and not body.get("cloudflare_error") and not body.keys().isdisjoint(_ERROR_FIELDS)


_ERROR_FIELDS: Final = frozenset({"error", "detail", "error_type", "code", "title"})


def detail_of(answer: VendorResponse) -> str:
    return f"HTTP {answer.status} {redacted(answer.text)}".rstrip()


def missing_handle(vendor: str, answer: VendorResponse) -> Failure:
    """The vendor said yes, but not to what: the job may run, and be paid for, where nobody finds it."""
    return Failure(
        FailureKind.UNKNOWN_OUTCOME, f"{vendor} took the order and gave no handle to ask by", detail=detail_of(answer)
    )


def error_message(body: Any) -> ErrorMessage:
    """The words in an error body, in any of the shapes vendors give them."""
    match body:
        case {"detail": [first, *_]}:
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


# --- asking after a job -----------------------------------------------------------------------------------------


async def query_job(
    http: VendorHttp, vendor: str, url: str, method: str = "GET", body: Any = None, *, timeout_s: float
) -> VendorResponse | Pending | Failure:
    """A question about a bought job. `Pending` when it got no answer, `Failure` when it cannot be asked at all."""
    try:
        answer = await http.call(method, url, json=body, timeout_s=min(timeout_s, QUESTION_S))
    except (NoResponse, BadResponse):
        return Pending(wait_s=ASK_AGAIN_S)
    except UntrustedHost as foreign:
        return Failure(
            FailureKind.AUTH,
            f"{vendor} wants to be asked at a host that must not see our key; `polling_hosts` lists those that may",
            charged=True,
            detail=redacted(str(foreign)),
        )
    return _waiting(answer) if answer.status in _NO_ANSWERS or answer.status >= 500 else answer


def _waiting(answer: VendorResponse) -> Pending:
    return Pending(wait_s=min(retry_after_s(answer) or ASK_AGAIN_S, LONGEST_WAIT_S))


MIN_POLL_S: Final = 0.75
"""The shortest time between two questions about a job, where the account does not name another."""


def poll_interval_s(age_s: float, *, least: float = MIN_POLL_S, most: float = 5.0) -> float:
    """How long to wait before the next question: often at first, seldom once a job turns out to be long."""
    return max(least, min(most, age_s / 8))


def job_not_found(vendor: str, *, age_s: float, grace_s: float, detail: str) -> Pending | Failure:
    """The vendor does not know the job: for a moment after the order that may be its own delay, later it is final."""
    if age_s < grace_s:
        return Pending(wait_s=1.0)
    return Failure(FailureKind.UNKNOWN_OUTCOME, f"{vendor} does not know the job any more", detail=detail)


# --- fetching its picture ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Dead:
    """A link that brought no picture; `final` when no other link to the same picture would."""

    reason: str
    final: bool = False


async def fetch_finished(
    http: VendorHttp,
    vendor: str,
    look: Callable[[], Awaitable[FinishedJob | Pending | Failure]],
    target: Path,
    *,
    age_s: float,
    timeout_s: float,
) -> FinishedJob | Pending | Failure:
    """Ask with `look`; what is ready is at `target` afterwards. For a dead link the vendor is asked once more."""
    dead = _Dead("")
    for _ in range(2):
        seen = await look()
        if not isinstance(seen, FinishedJob):
            return seen
        trouble = await _fetch(http, seen.link, target, min(timeout_s, DOWNLOAD_S))
        if trouble is None:
            return blank_failure(vendor) if await asyncio.to_thread(is_blank, target) else seen
        dead = trouble
    return _undelivered(vendor, dead, age_s)


async def _fetch(http: VendorHttp, link: str, target: Path, timeout_s: float) -> _Dead | None:
    try:
        answer = await http.download(link, target, timeout_s=timeout_s)
    except NoResponse as trouble:
        return _Dead(trouble.reason)
    except BadResponse as trouble:
        return _Dead(f"the answer {trouble.reason}", final=True)
    return None if answer.status == 200 else _Dead(f"its link answers HTTP {answer.status}")


def _undelivered(vendor: str, dead: _Dead, age_s: float) -> Pending | Failure:
    if age_s < LINK_LIFE_S and not dead.final:
        return Pending(wait_s=ASK_AGAIN_S)
    return Failure(
        FailureKind.BAD_OUTPUT, f"the picture that {vendor} made could not be fetched: {dead.reason}", charged=True
    )
