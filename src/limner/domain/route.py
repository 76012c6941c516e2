"""How a model is reached: which provider, under which name, within which limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class UnknownOutcome(StrEnum):
    """What to do when a paid call was cut off and nobody can say whether the vendor did the work."""

    RESEND_ONCE = "resend_once"
    FAIL_AND_REFUND = "fail_and_refund"


@dataclass(frozen=True, slots=True)
class Route:
    """`provider` is an adapter's name, `upstream` the vendor's id of the model; `deadline_s` bounds one call.

    `options` go into the order as they are, for what one vendor knows and the others don't.
    """

    name: str
    provider: str
    upstream: str
    deadline_s: float
    unknown_outcome: UnknownOutcome
    options: Mapping[str, Any] = field(default_factory=dict)
