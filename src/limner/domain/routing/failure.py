"""What can go wrong at a vendor, in one vocabulary for all of them."""

from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """How an attempt can fail. `docs/failures.md` maps each vendor's errors to these."""

    CONTENT_POLICY = "content_policy"
    BAD_INPUT = "bad_input"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    AUTH = "auth"
    MODEL_UNAVAILABLE = "model_unavailable"
    TRANSIENT = "transient"
    TIMEOUT = "timeout"
    NO_IMAGE = "no_image"
    BAD_OUTPUT = "bad_output"
    UNSUPPORTED_OUTPUT = "unsupported_output"
    """The vendor delivered in a form that Limner cannot read; it would deliver in the same form again."""
    UNKNOWN_OUTCOME = "unknown_outcome"
    CANCELLED = "cancelled"


RETRIES: dict[FailureKind, int] = {
    FailureKind.CONTENT_POLICY: 0,
    FailureKind.BAD_INPUT: 0,
    FailureKind.RATE_LIMITED: 5,
    FailureKind.QUOTA_EXHAUSTED: 0,
    FailureKind.AUTH: 0,
    FailureKind.MODEL_UNAVAILABLE: 0,
    FailureKind.TRANSIENT: 2,
    FailureKind.TIMEOUT: 1,
    FailureKind.NO_IMAGE: 2,
    FailureKind.BAD_OUTPUT: 2,
    FailureKind.UNSUPPORTED_OUTPUT: 0,
    FailureKind.UNKNOWN_OUTCOME: 1,
    FailureKind.CANCELLED: 0,
}
"""How often an attempt that failed in this way may be repeated on the same route."""

FALLS_BACK = frozenset(
    {
        FailureKind.QUOTA_EXHAUSTED,
        FailureKind.AUTH,
        FailureKind.MODEL_UNAVAILABLE,
        FailureKind.TRANSIENT,
        FailureKind.RATE_LIMITED,
        FailureKind.TIMEOUT,
        FailureKind.UNSUPPORTED_OUTPUT,
    }
)
"""Failures of the route rather than of the request: another route may succeed."""


class Stage(StrEnum):
    """Whether a vendor's content policy refused the input or the output."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Failure:
    """The end of an attempt without an image.

    `reason` is a sentence that the caller may read. `charged` says that the vendor was paid all the same.
    `retry_after_s` is the pause that the vendor asked for. `detail` is the vendor's own status or code, for `explain`;
    it never holds a secret. `stage` is set for content policy only. `repeatable` is False where the vendor says that
    the same request would fail again. `of_key` says that the provider's key is wrong, so wrong on its other routes too.
    """

    kind: FailureKind
    reason: str
    charged: bool = False
    retry_after_s: float | None = None
    detail: str | None = None
    stage: Stage | None = None
    repeatable: bool = True
    of_key: bool = False
