"""What can go wrong upstream, in one vocabulary for every vendor."""

from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """The kinds of trouble an attempt can end in. `docs/failures.md` says what each means, vendor by vendor."""

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
    FailureKind.UNKNOWN_OUTCOME: 1,
    FailureKind.CANCELLED: 0,
}
"""How often an attempt that ended in this kind may be repeated on the same route."""

FALLS_BACK = frozenset(
    {
        FailureKind.QUOTA_EXHAUSTED,
        FailureKind.AUTH,
        FailureKind.MODEL_UNAVAILABLE,
        FailureKind.TRANSIENT,
        FailureKind.RATE_LIMITED,
        FailureKind.TIMEOUT,
    }
)
"""The kinds that say something of the route and nothing of the request: the next route may do better."""


class Stage(StrEnum):
    """What a vendor's content policy turned down."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt's end without a picture.

    `reason` is a sentence the caller may read. `charged` says whether the vendor took money all the same. `detail`
    is the vendor's own status or code, for `explain`; it never holds a secret. `stage` says, for content policy,
    whether the input or the output was refused.
    """

    kind: FailureKind
    reason: str
    charged: bool = False
    retry_after_s: float | None = None
    detail: str | None = None
    stage: Stage | None = None
