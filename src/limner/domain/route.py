"""How a model is reached: which provider, under which name, within which limits."""

from dataclasses import dataclass
from enum import StrEnum


class UnknownOutcome(StrEnum):
    """What to do when a paid call was cut off and nobody can say whether the vendor did the work."""

    RESEND_ONCE = "resend_once"
    FAIL_AND_REFUND = "fail_and_refund"


@dataclass(frozen=True, slots=True)
class Route:
    """`provider` is an adapter's name, `upstream` the vendor's id of the model; `deadline_s` bounds one attempt."""

    name: str
    provider: str
    upstream: str
    deadline_s: float
    unknown_outcome: UnknownOutcome
