"""A route's circuit breaker: what goes on failing is left alone for a while."""

from dataclasses import dataclass, replace

from limner.domain.routing.failure import FailureKind

TRIP_AT = 5
"""Transient failures in a row, over all tasks, before a route counts as down."""

PROBE_MS = 30_000
"""How long the one call that tries a resting route may take before another does."""

_HARD = frozenset({FailureKind.QUOTA_EXHAUSTED, FailureKind.AUTH, FailureKind.MODEL_UNAVAILABLE})
_SOFT = frozenset({FailureKind.TRANSIENT, FailureKind.TIMEOUT})
_SAYS_NOTHING = frozenset({FailureKind.RATE_LIMITED, FailureKind.UNKNOWN_OUTCOME, FailureKind.CANCELLED})

_HARD_REST_MS = 60_000
_SOFT_REST_MS = 10_000
_LONGEST_REST_MS = 900_000


@dataclass(frozen=True, slots=True)
class Breaker:
    """`failures` in a row, `openings` without a success between them; `kind` and `reason` are the last failure's.

    Until `open_until_ms` nobody calls. Then one call goes through as a probe. `changed_ms` is when the last failure
    was counted, or the last probe begun.
    """

    failures: int = 0
    openings: int = 0
    open_until_ms: int = 0
    kind: FailureKind | None = None
    reason: str | None = None
    changed_ms: int = 0

    def is_open(self, now_ms: int) -> bool:
        """No rest lasts for ever: one that seems to is from before the clock was set back."""
        return now_ms < self.open_until_ms <= now_ms + 2 * _LONGEST_REST_MS

    def needs_operator(self, now_ms: int) -> bool:
        """Whether it takes the operator to mend it, so that waiting is of no use to a task; unless one tries it now."""
        is_tried = self.open_until_ms == self.changed_ms + PROBE_MS
        return self.is_open(now_ms) and self.kind in _HARD and not is_tried


CLOSED = Breaker()


def after_failure(breaker: Breaker, kind: FailureKind, reason: str, begun_ms: int, now_ms: int) -> Breaker:
    """The breaker after the failure of an order that was begun at `begun_ms`.

    One that is about the request shows that the route works. An order that was on its way already when the route was
    found to be down says nothing new.
    """
    if kind in _SAYS_NOTHING:
        return breaker
    if kind not in _HARD | _SOFT:
        return CLOSED
    if breaker.openings and begun_ms < breaker.changed_ms:
        return breaker
    failures = breaker.failures + 1
    if kind in _SOFT and failures < TRIP_AT and not breaker.openings:
        return Breaker(failures, 0, 0, kind, reason, now_ms)
    rest_ms = _HARD_REST_MS if kind in _HARD else _SOFT_REST_MS
    until_ms = now_ms + min(_LONGEST_REST_MS, rest_ms << min(breaker.openings, 10))
    return Breaker(failures, breaker.openings + 1, until_ms, kind, reason, now_ms)


def half_opened(breaker: Breaker, now_ms: int) -> Breaker:
    """The breaker when there is reason to believe that the route works again: the next call tries it."""
    return replace(breaker, open_until_ms=now_ms)


def probing(breaker: Breaker, now_ms: int) -> Breaker:
    """The breaker while one call tries the route: the others keep away until it has an answer."""
    return replace(breaker, open_until_ms=now_ms + PROBE_MS, changed_ms=now_ms)
