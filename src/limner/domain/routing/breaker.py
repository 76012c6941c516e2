"""The circuit breaker of a route: a route that keeps failing is not called for a while."""

from dataclasses import dataclass, field, replace

from limner.domain.routing.failure import FailureKind

TRIP_AT = 5
"""Failures in a row, over all tasks, that open the breaker for a short time."""

PROBE_MS = 30_000
"""How long the one call that probes a half-open route may take before another one does."""

HARD_FAILURES = frozenset({FailureKind.QUOTA_EXHAUSTED, FailureKind.AUTH, FailureKind.MODEL_UNAVAILABLE})
"""Failures that only the operator can mend."""

UNCERTAIN_FAILURES = frozenset({FailureKind.AUTH, FailureKind.MODEL_UNAVAILABLE})
"""Hard failures that a firewall's error page (401, 403, 404, 410) for one request looks like: they need confirming."""

CONFIRMING_TASKS = 3
"""So many distinct tasks must meet an uncertain failure to confirm it without the vendor's own check."""

CONFIRM_WITHIN_MS = 600_000

_SOFT_FAILURES = frozenset({FailureKind.TRANSIENT, FailureKind.TIMEOUT})
COUNTED_FAILURES = HARD_FAILURES | _SOFT_FAILURES
"""Failures that speak against the route."""

_NEUTRAL_FAILURES = frozenset({FailureKind.RATE_LIMITED, FailureKind.UNKNOWN_OUTCOME, FailureKind.CANCELLED})

_HARD_PAUSE_MS = 60_000
_SOFT_PAUSE_MS = 10_000
_MAX_PAUSE_MS = 900_000


@dataclass(frozen=True, slots=True)
class Breaker:
    """`failures` in a row, `openings` without a success in between; `kind` and `reason` are those of the last failure.

    Until `open_until_ms` the route is not called, then one call probes it. `changed_ms` is when the last failure was
    counted or the last probe began. Until `rest_until_ms` an operator rests the route, whatever its calls do.
    """

    failures: int = 0
    openings: int = 0
    open_until_ms: int = 0
    kind: FailureKind | None = None
    reason: str | None = None
    changed_ms: int = 0
    rest_until_ms: int = field(default=0, compare=False)
    rest_reason: str | None = field(default=None, compare=False)

    def is_open(self, now_ms: int) -> bool:
        """An opening that ends later than any pause lasts was written before the clock was set back: not open."""
        return now_ms < self.open_until_ms <= now_ms + 2 * _MAX_PAUSE_MS

    def is_rested(self, now_ms: int) -> bool:
        return now_ms < self.rest_until_ms

    def needs_operator(self, now_ms: int) -> bool:
        """Whether the route is open on a hard failure, so that a task must not wait for it; False during a probe."""
        is_probed = self.open_until_ms == self.changed_ms + PROBE_MS
        return self.is_open(now_ms) and self.kind in HARD_FAILURES and not is_probed


CLOSED = Breaker()


def needs_others(breaker: Breaker, kind: FailureKind) -> bool:
    """Whether one more failure of this kind opens a closed breaker, if it is not of one account alone."""
    return kind in _SOFT_FAILURES | UNCERTAIN_FAILURES and breaker.failures + 1 >= TRIP_AT and not breaker.openings


def after_failure(
    breaker: Breaker,
    kind: FailureKind,
    reason: str,
    begun_ms: int,
    now_ms: int,
    *,
    confirmed: bool = True,
    shared: bool = True,
) -> Breaker:
    """The breaker after an attempt that began at `begun_ms` failed.

    A failure of the request shows that the route works and closes the breaker. An attempt that was under way when the
    breaker opened changes nothing. An uncertain failure that is not `confirmed` counts as a soft one, unless the
    breaker is half open after a hard failure. Soft failures that are not `shared`, of one account while others use the
    route, open nothing.
    """
    if kind in _NEUTRAL_FAILURES:
        return breaker
    if kind not in COUNTED_FAILURES:
        return CLOSED
    if breaker.openings and begun_ms < breaker.changed_ms:
        return breaker
    if kind in UNCERTAIN_FAILURES and not confirmed and not _opened_hard(breaker):
        kind = FailureKind.TRANSIENT
    failures = breaker.failures + 1
    if kind in _SOFT_FAILURES and (failures < TRIP_AT or not shared) and not breaker.openings:
        return Breaker(failures, 0, 0, kind, reason, now_ms)
    pause_ms = _HARD_PAUSE_MS if kind in HARD_FAILURES else _SOFT_PAUSE_MS
    until_ms = now_ms + min(_MAX_PAUSE_MS, pause_ms << min(breaker.openings, 10))
    return Breaker(failures, breaker.openings + 1, until_ms, kind, reason, now_ms)


def _opened_hard(breaker: Breaker) -> bool:
    return breaker.openings > 0 and breaker.kind in HARD_FAILURES


def half_opened(breaker: Breaker, now_ms: int) -> Breaker:
    """The breaker when there is reason to believe that the route works again: the next call probes it."""
    return replace(breaker, open_until_ms=now_ms)


def since_start(breaker: Breaker, start_ms: int) -> Breaker:
    """The breaker as a service that started then sees it: half open where the operator may have mended it since."""
    if breaker.kind not in HARD_FAILURES or breaker.changed_ms >= start_ms:
        return breaker
    return replace(breaker, open_until_ms=min(breaker.open_until_ms, start_ms))


def probing(breaker: Breaker, now_ms: int) -> Breaker:
    """The breaker while one call probes the route: other calls wait for its outcome or take another route."""
    return replace(breaker, open_until_ms=now_ms + PROBE_MS, changed_ms=now_ms)
