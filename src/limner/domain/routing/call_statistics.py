"""Figures over a route's recent calls: percentiles, failures by kind, and whether something has changed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from limner.domain.routing.failure import FailureKind

LEAST_CALLS = 5
"""Fewer calls say nothing about a route."""

SLOW_FACTOR = 2.0
FAILING_SHARE = 0.2
PRICE_CHANGE = 0.5
"""An hour is compared with the day: so many times slower, so large a share of failures, so far off in price."""

NOT_THE_ROUTE = frozenset({FailureKind.CONTENT_POLICY, FailureKind.BAD_INPUT, FailureKind.CANCELLED, "given_up"})
"""Ends that say nothing against a route: the request was at fault, or nobody waited for the answer."""

UNREADABLE = frozenset({FailureKind.NO_IMAGE, FailureKind.BAD_OUTPUT, FailureKind.UNSUPPORTED_OUTPUT})
"""Answers that came, and held no picture that Limner can read."""

PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class ClosedCall:
    """One closed attempt: `picture` or how it failed, how long the vendor took, what it charged, when it ended."""

    outcome: str
    latency_ms: int
    cost_usd: float | None
    closed_ms: int


@dataclass(frozen=True, slots=True)
class CallStatistics:
    """`failures` are counts by kind. The percentiles are of pictures; None without one."""

    calls: int
    pictures: int
    failures: Mapping[str, int]
    p50_ms: int | None
    p95_ms: int | None
    last_picture_ms: int | None

    @property
    def route_failures(self) -> int:
        """Failures that speak against the route."""
        return sum(count for kind, count in self.failures.items() if kind not in NOT_THE_ROUTE)


class Outlook(StrEnum):
    """What a route's recent calls say about the next one."""

    GOOD = "good"
    SLOW = "slow"
    FAILING = "failing"
    UNKNOWN = "unknown"


class Drift(StrEnum):
    """A change that an operator should look at."""

    PRICE = "price"
    """Pictures cost something else than before, or than the route says."""
    ANSWERS = "answers"
    """Many answers hold no picture that can be read, and before they did."""


def statistics_of(calls: Sequence[ClosedCall]) -> CallStatistics:
    """`calls` in any order."""
    pictures = sorted(call.latency_ms for call in calls if call.outcome == PICTURE)
    return CallStatistics(
        calls=len(calls),
        pictures=len(pictures),
        failures=dict(Counter(call.outcome for call in calls if call.outcome != PICTURE)),
        p50_ms=percentile(pictures, 0.5),
        p95_ms=percentile(pictures, 0.95),
        last_picture_ms=max((call.closed_ms for call in calls if call.outcome == PICTURE), default=None),
    )


def percentile(ascending: Sequence[int], part: float) -> int | None:
    """The least value that at least `part` of the values do not exceed; None without values."""
    if not ascending:
        return None
    return ascending[max(0, -int(-part * len(ascending) // 1) - 1)]


def outlook(hour: CallStatistics, day: CallStatistics) -> Outlook:
    """From the last hour, or from the last day where the hour has too few calls."""
    recent = hour if hour.calls >= LEAST_CALLS else day
    if recent.calls == 0:
        return Outlook.UNKNOWN
    if recent.calls >= LEAST_CALLS and recent.route_failures > FAILING_SHARE * recent.calls:
        return Outlook.FAILING
    if hour.pictures >= LEAST_CALLS and hour.p50_ms and day.p50_ms and hour.p50_ms > SLOW_FACTOR * day.p50_ms:
        return Outlook.SLOW
    return Outlook.GOOD


def drifts(recent: Sequence[ClosedCall], before: Sequence[ClosedCall], price_usd: float | None) -> list[Drift]:
    """What has changed between the calls `before` and the `recent` ones. `price_usd` is the price in the route."""
    found = []
    if _price_has_changed(recent, before, price_usd):
        found.append(Drift.PRICE)
    if _answers_have_changed(recent, before):
        found.append(Drift.ANSWERS)
    return found


def _price_has_changed(recent: Sequence[ClosedCall], before: Sequence[ClosedCall], price_usd: float | None) -> bool:
    now, earlier = _costs(recent), _costs(before)
    if len(now) < LEAST_CALLS:
        return False
    usual = median(earlier) if len(earlier) >= LEAST_CALLS else price_usd
    return usual is not None and abs(median(now) - usual) > PRICE_CHANGE * usual


def _costs(calls: Sequence[ClosedCall]) -> list[float]:
    return [call.cost_usd for call in calls if call.outcome == PICTURE and call.cost_usd is not None]


def _answers_have_changed(recent: Sequence[ClosedCall], before: Sequence[ClosedCall]) -> bool:
    if len(recent) < LEAST_CALLS:
        return False
    return _unreadable(recent) > FAILING_SHARE and _unreadable(before) <= FAILING_SHARE / 2


def _unreadable(calls: Sequence[ClosedCall]) -> float:
    """The share of calls whose answers held no readable picture."""
    return sum(call.outcome in UNREADABLE for call in calls) / len(calls) if calls else 0.0
