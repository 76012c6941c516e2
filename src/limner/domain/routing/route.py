"""How a model is reached: over which provider, under which name, within which limits, and where to next."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from limner.domain.routing.failure import FALLS_BACK, RETRIES, FailureKind


class UnknownOutcome(StrEnum):
    """What to do when a paid call was cut off and nobody can say whether the vendor did the work."""

    RESEND_ONCE = "resend_once"
    FAIL_AND_REFUND = "fail_and_refund"


@dataclass(frozen=True, slots=True)
class Route:
    """`provider` is a configured provider's name, `upstream` its id of the model; `deadline_s` bounds one call.

    `options` go into the order as they are, for what one vendor knows and the others don't. `price_usd` is what one
    picture costs where the vendor does not say.
    """

    name: str
    provider: str
    upstream: str
    deadline_s: float
    unknown_outcome: UnknownOutcome
    options: Mapping[str, Any] = field(default_factory=dict)
    price_usd: float | None = None


@dataclass(frozen=True, slots=True)
class FailedTry:
    """One attempt that ended without a picture."""

    route: str
    kind: FailureKind


Repeats = Callable[[FailureKind], int]
"""How often a failure of this kind may be repeated."""

_ONCE_A_TASK = frozenset({FailureKind.UNKNOWN_OUTCOME, FailureKind.BAD_OUTPUT, FailureKind.NO_IMAGE})
"""What may have cost money is counted over all routes together: a fallback is no licence to buy again."""


def routes_to_try(
    routes: Sequence[Route], tries: Sequence[FailedTry], repeats: Repeats = RETRIES.__getitem__
) -> list[Route]:
    """The routes worth another try after these, the preferred one first; none means that the last failure stands."""
    if not tries:
        return list(routes)
    counts = Counter(tries)
    of_kind = Counter(each.kind for each in tries)
    last = tries[-1].kind
    if last not in FALLS_BACK:
        used = of_kind[last] if last in _ONCE_A_TASK else counts[tries[-1]]
        if used > repeats(last):
            return []
    left = [route for route in routes if not _is_spent(route, counts, repeats)]
    if not left and last is FailureKind.RATE_LIMITED:
        return [route for route in routes if route.name == tries[-1].route]  # work waits; only its deadline ends it
    return left


def _is_spent(route: Route, counts: Counter[FailedTry], repeats: Repeats) -> bool:
    return any(count > repeats(each.kind) for each, count in counts.items() if each.route == route.name)
