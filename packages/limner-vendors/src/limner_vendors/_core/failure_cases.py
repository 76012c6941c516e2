"""One failure of a vendor as a row of the table of failures, and the rows that all vendors share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from limner.domain.routing.failure import FailureKind, Stage
from limner_vendors._core.faults import Fault, FaultKind

POLICY, BAD_INPUT, AUTH = FailureKind.CONTENT_POLICY, FailureKind.BAD_INPUT, FailureKind.AUTH
QUOTA, GONE, BUSY = FailureKind.QUOTA_EXHAUSTED, FailureKind.MODEL_UNAVAILABLE, FailureKind.RATE_LIMITED
TRANSIENT, NO_IMAGE, BAD_OUTPUT = FailureKind.TRANSIENT, FailureKind.NO_IMAGE, FailureKind.BAD_OUTPUT
UNSUPPORTED = FailureKind.UNSUPPORTED_OUTPUT
UNKNOWN, CANCELLED = FailureKind.UNKNOWN_OUTCOME, FailureKind.CANCELLED


@dataclass(frozen=True, slots=True)
class FailureCase:
    """One failure of one vendor: what it `says`, and the `kind` that Limner makes of it.

    `fault` provokes it at the emulator. With `unreachable` nothing listens at the vendor's address. `charged`: whether
    the vendor is paid; None: not reported. `stage` is set for content policy. `wait_s` is the pause before the next
    try; one that is not `repeatable` the vendor will not have repeated. `detail` is a part of the text that `limner
    tasks explain` shows. `upstream`, `deadline_s` and `options` are those of the request, `account` are options of the
    provider, where they differ from the usual ones.
    """

    vendor: str
    says: str
    kind: FailureKind
    fault: Fault | None = None
    charged: bool | None = False
    stage: Stage | None = None
    wait_s: float | None = None
    repeatable: bool = True
    detail: str = ""
    unreachable: bool = False
    upstream: str | None = None
    deadline_s: float = 20.0
    options: Mapping[str, Any] = field(default_factory=dict)
    account: Mapping[str, Any] = field(default_factory=dict)


UNBILLED: Final = frozenset({"ray", "sglang", "vllm"})
"""Emulated servers that cost nothing."""


def always(kind: FaultKind, **facts: Any) -> Fault:
    return Fault(kind, times=None, **facts)


def gateway_page(status: int, how: str) -> Fault:
    return always(FaultKind.BAD_GATEWAY, value=status, how=how)


# --- rows that all vendors share -------------------------------------------------------------------------------------


def http_failures(vendor: str) -> Iterator[FailureCase]:
    """Failures by HTTP status and of the connection, in answer to a generation request."""
    plain: tuple[tuple[str, FailureKind, Fault, str], ...] = (
        ("HTTP 401", AUTH, always(FaultKind.UNAUTHORIZED), "HTTP 401"),
        ("HTTP 403", AUTH, always(FaultKind.FORBIDDEN), "HTTP 403"),
        ("HTTP 408", TRANSIENT, always(FaultKind.STATUS, value=408), "HTTP 408"),
        ("HTTP 409", TRANSIENT, always(FaultKind.STATUS, value=409), "HTTP 409"),
        ("HTTP 413", BAD_INPUT, always(FaultKind.STATUS, value=413), "HTTP 413"),
        ("HTTP 503", TRANSIENT, always(FaultKind.UNAVAILABLE), "HTTP 503"),
        ("HTTP 521 of a gateway: no connection to the vendor", TRANSIENT, gateway_page(521, ""), "HTTP 521"),
    )
    for says, kind, fault, detail in plain:
        yield FailureCase(vendor, says, kind, fault, detail=detail)
    for status in (401, 403):
        says = f"HTTP {status} with a firewall's page"
        yield FailureCase(vendor, says, TRANSIENT, gateway_page(status, ""), detail=f"HTTP {status}")
    done = "" if vendor == "midjourney" else "done"  # a relay lists the job that was ordered, and it is found there
    for status in (502, 504, 520, 522, 524, 527):
        says = f"HTTP {status} with a gateway's page"
        yield FailureCase(vendor, says, UNKNOWN, gateway_page(status, done), charged=None, detail=f"HTTP {status}")
    if vendor == "midjourney":
        timeout = always(FaultKind.TIMEOUT)
        yield FailureCase(vendor, "HTTP 504 in plain words", UNKNOWN, timeout, charged=None, detail="HTTP 504")
    else:
        timeout = always(FaultKind.TIMEOUT)
        yield FailureCase(vendor, "HTTP 504 with an error of its own", TRANSIENT, timeout, detail="HTTP 504")
    yield FailureCase(vendor, "no connection can be made", TRANSIENT, detail="no answer", unreachable=True)
    cut: tuple[tuple[str, Fault], ...] = (
        ("the connection is cut before an answer", always(FaultKind.RESET)),
        ("the work is done, and the connection cut before the answer", always(FaultKind.LOST_ANSWER)),
        ("the connection is cut after the headers", always(FaultKind.CUT_HEADERS)),
        ("the connection is cut in the middle of the body", always(FaultKind.CUT_BODY)),
    )
    for says, fault in cut if vendor != "midjourney" else cut[:1]:  # as above
        yield FailureCase(vendor, says, UNKNOWN, fault, charged=None, detail="no answer")
    slow = always(FaultKind.SLOW, value=1000)
    yield FailureCase(
        vendor, "no answer within the route's `deadline_s`", UNKNOWN, slow, None, detail="no answer", deadline_s=0.4
    )


def job_failures(vendor: str) -> Iterator[FailureCase]:
    """Failures of an accepted job and of its picture's delivery."""
    garbled = always(FaultKind.GARBLED)
    if vendor != "midjourney":  # whose relays list the job that is missed
        yield FailureCase(vendor, "200 without a job to poll", UNKNOWN, garbled, None, detail="HTTP 20")
    missing = always(FaultKind.NOT_FOUND, value=1000)
    says = "the job is not found, for longer than the option `not_found_grace_s`"
    yield FailureCase(vendor, says, UNKNOWN, missing, None, account={"not_found_grace_s": 10})
    dead = always(FaultKind.EXPIRED_LINK, value=1000)
    yield FailureCase(vendor, "the link to the picture stays dead for ten minutes", BAD_OUTPUT, dead, charged=True)
    wrong = always(FaultKind.GARBLED, on="delivery")
    yield FailureCase(vendor, "the link leads to something that is no picture", BAD_OUTPUT, wrong, charged=True)
    yield from picture_failures(vendor)
    yield FailureCase(vendor, "success without a picture", NO_IMAGE, always(FaultKind.EMPTY), charged=True)


def picture_failures(vendor: str) -> Iterator[FailureCase]:
    """Pictures that cannot be used."""
    charged = vendor not in UNBILLED
    broken = always(FaultKind.UNDECODABLE, how="truncated")
    yield FailureCase(vendor, "a picture that is cut off", BAD_OUTPUT, broken, charged)
    yield FailureCase(vendor, "a picture that cannot be opened", BAD_OUTPUT, always(FaultKind.UNDECODABLE), charged)
    page = always(FaultKind.UNDECODABLE, how="html")
    yield FailureCase(vendor, "a page of HTML for a picture", BAD_OUTPUT, page, charged)
    gif = always(FaultKind.UNDECODABLE, how="gif")
    yield FailureCase(vendor, "a GIF for a picture", UNSUPPORTED, gif, charged)
    yield FailureCase(vendor, "a picture of a single colour", BAD_OUTPUT, always(FaultKind.BLANK), charged)


def rate_limits(vendor: str, *ways: tuple[str, str, float]) -> Iterator[FailureCase]:
    """HTTP 429, each with its words, the emulator's `how` and the pause in seconds that is kept."""
    for says, how, wait_s in ways:
        value = None if how == "none" else wait_s
        fault = always(FaultKind.RATE_LIMITED, value=value, how=how)
        yield FailureCase(vendor, says, BUSY, fault, wait_s=wait_s, detail="HTTP 429")
