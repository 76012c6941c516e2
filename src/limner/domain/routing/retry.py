"""The retry rule: which routes may be tried after the attempts made so far, and when no further attempt is allowed."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from limner.domain.routing.failure import FALLS_BACK, RETRIES, FailureKind
from limner.domain.routing.route import Route


@dataclass(frozen=True, slots=True)
class FailedTry:
    """An attempt that ended without an image. `charged` says that the vendor was paid for it.

    One that is not `repeatable` failed for a reason that its vendor calls lasting, one `of_key` for a wrong key.
    """

    route: str
    kind: FailureKind
    charged: bool = False
    repeatable: bool = True
    of_key: bool = False

    @property
    def is_useless_answer(self) -> bool:
        """Whether the vendor did the work and sent nothing of use: no image, a broken one, text instead."""
        if self.kind is FailureKind.UNKNOWN_OUTCOME:
            return False
        return self.charged or self.kind in {FailureKind.NO_IMAGE, FailureKind.BAD_OUTPUT}


RetryLimit = Callable[[FailureKind], int]
"""How often a failure of this kind may be repeated."""

MAX_USELESS_ANSWERS = 3
"""For one image, over all routes and kinds: the first answer, and at most two more that may cost money again."""

_COUNTED_OVER_ALL_ROUTES = frozenset({FailureKind.UNKNOWN_OUTCOME, FailureKind.BAD_OUTPUT, FailureKind.NO_IMAGE})
"""Kinds that may have cost money: counted over all routes, so that a fallback adds no purchase."""


def routes_to_try(
    routes: Sequence[Route], tries: Sequence[FailedTry], limit: RetryLimit = RETRIES.__getitem__
) -> list[Route]:
    """The routes worth another attempt after these tries for one image, the preferred route first.

    An empty list means that the last failure is final.
    """
    if not tries:
        return list(routes)
    if sum(each.is_useless_answer for each in tries) >= MAX_USELESS_ANSWERS:
        return []
    counts = Counter((each.route, each.kind) for each in tries)
    last = tries[-1]
    if last.kind not in FALLS_BACK and _times(last, counts) > limit(last.kind):
        return []
    given_up = {each.route for each in tries if not each.repeatable} | _routes_of_refused_keys(routes, tries)
    left = [route for route in routes if route.name not in given_up and not _is_used_up(route, counts, limit)]
    if not left and last.kind is FailureKind.RATE_LIMITED and last.repeatable:
        # Waiting out a rate limit is free, so only the task's deadline ends the retries.
        return [route for route in routes if route.name == last.route]
    return left


def _routes_of_refused_keys(routes: Sequence[Route], tries: Sequence[FailedTry]) -> set[str]:
    tried = {each.route for each in tries if each.of_key}
    providers = {route.provider for route in routes if route.name in tried}
    return {route.name for route in routes if route.provider in providers}


def _times(last: FailedTry, counts: Counter[tuple[str, FailureKind]]) -> int:
    if last.kind not in _COUNTED_OVER_ALL_ROUTES:
        return counts[last.route, last.kind]
    return sum(count for (_, kind), count in counts.items() if kind is last.kind)


def _is_used_up(route: Route, counts: Counter[tuple[str, FailureKind]], limit: RetryLimit) -> bool:
    return any(count > limit(kind) for (name, kind), count in counts.items() if name == route.name)
