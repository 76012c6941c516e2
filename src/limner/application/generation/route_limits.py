"""Which route an attempt may take now, by circuit breakers, pauses after a vendor's 429, and provider limits.

The state is in the database and shared by all workers. An open route is skipped, a busy or paused one is waited for.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from limner.db.records import Records
from limner.db.tables.tasks import ClaimLimit
from limner.domain.ids import AttemptId
from limner.domain.routing.backoff import full_jitter_s
from limner.domain.routing.breaker import (
    CLOSED,
    CONFIRM_WITHIN_MS,
    CONFIRMING_TASKS,
    COUNTED_FAILURES,
    UNCERTAIN_FAILURES,
    Breaker,
    after_failure,
    half_opened,
    needs_others,
    probing,
    since_start,
)
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.provider_limits import (
    MAX_PAUSE_MS,
    UNLIMITED,
    ProviderLimits,
    ProviderMeter,
    spend_token,
)
from limner.domain.routing.route import Route

log = structlog.get_logger()

MAX_WAITED_PAUSE_MS = 30_000
"""A pause that a vendor asks for is waited for up to this long while there is another route."""

MIN_PAUSE_MS = 500
"""For vendors that answer 429 and ask for no pause."""

CLAIM_AHEAD_S = 10
"""Tasks that can submit within this time may be claimed and wait for it; later ones stay in the queue, in its order."""

FULL_PROVIDER_WAIT_MS = 300
"""How soon a task asks again for a place at a provider that has reached its concurrency."""


@dataclass(frozen=True, slots=True)
class RouteWait:
    """No route is open now: ask again in `ms`. `why` is a sentence for the operator."""

    ms: int
    why: str


@dataclass(frozen=True, slots=True)
class RouteLimits:
    """`limits` are those of each provider's key; a provider that is not in it has none.

    Keys are read at the start, `start_ms`: what broke a route before may be mended, so its next attempt probes it.
    """

    limits: Mapping[str, ProviderLimits] = field(default_factory=dict)
    start_ms: int = 0

    def acquire(self, records: Records, routes: Sequence[Route], now_ms: int) -> Route | RouteWait | Failure:
        """The route for an attempt that begins now, with its rate limit token spent; or why none is open.

        Its concurrency is counted by the journal's open row, which the caller writes in the same unit of work.
        """
        breakers, meters = self._state(records)
        choice = _choose(routes, breakers, meters, now_ms)
        if not isinstance(choice, Route):
            return choice
        if wait := self._spend(records, choice.provider, now_ms):
            return wait
        breaker = breakers.get(choice.name, CLOSED)
        if breaker.openings and not records.provider_state.claim_probe(choice.name, breaker, probing(breaker, now_ms)):
            return RouteWait(FULL_PROVIDER_WAIT_MS, f"{choice.name} is being probed")
        return choice

    def claim_limits(
        self, records: Records, routes: Mapping[str, Sequence[Route]], now_ms: int
    ) -> Sequence[ClaimLimit]:
        """How many more tasks of which models may be claimed; tasks that would only wait stay in the queue."""
        breakers, meters = self._state(records)
        blocked: list[str] = []
        probed: dict[str, list[str]] = {}
        limited: dict[str, list[str]] = {}
        for model, candidates in routes.items():
            usable = [route for route in candidates if _choose([route], breakers, meters, now_ms) == route]
            match _choose(candidates, breakers, meters, now_ms):
                case RouteWait():
                    blocked.append(model)
                case Route() as route if breakers.get(route.name, CLOSED).openings and usable == [route]:
                    probed.setdefault(route.name, []).append(model)
                case Route() as route if not self._of(route.provider).is_free:
                    limited.setdefault(route.provider, []).append(model)
        found = [ClaimLimit(tuple(models), 0) for models in [blocked] if models]
        found += [
            ClaimLimit(tuple(models), max(0, 1 - records.tasks.count_without_open_attempt(models)))
            for models in probed.values()
        ]
        found += [
            ClaimLimit(tuple(models), _claimable(records, self._of(name), models)) for name, models in limited.items()
        ]
        return found

    def record_failure(  # noqa: PLR0917 - what is known of the failure
        self, records: Records, attempt: AttemptId, route: Route, failure: Failure, begun_ms: int, now_ms: int
    ) -> bool:
        """Share with all workers what a failed attempt says of its route.

        Returns True for an uncertain failure that too few tasks have met: the vendor's own check must confirm it.
        """
        if failure.kind is FailureKind.RATE_LIMITED:
            pause_ms = _pause_ms(failure)
            records.provider_state.pause(route.provider, now_ms + pause_ms)
            log.warning("provider paused", provider=route.provider, pause_ms=pause_ms)
        before = records.provider_state.breakers().get(route.name, CLOSED)
        many = failure.kind in UNCERTAIN_FAILURES and _is_of_many_tasks(records, route, now_ms)
        shared = not (many or needs_others(before, failure.kind)) or _is_shared(records, attempt, now_ms)
        confirmed = failure.kind not in UNCERTAIN_FAILURES or (many and shared)
        facts = (failure.kind, failure.reason, begun_ms, now_ms)
        after = after_failure(before, *facts, confirmed=confirmed, shared=shared)
        if after != before:
            records.provider_state.save_breaker(route.name, after)
        if after.openings > before.openings:
            _log_open(route, after, now_ms)
        return not confirmed and not after.is_open(now_ms)

    def confirm_failure(self, records: Records, route: Route, failure: Failure, now_ms: int) -> None:
        """Open the route's breaker: the vendor's own check failed as well."""
        before = records.provider_state.breakers().get(route.name, CLOSED)
        after = after_failure(before, failure.kind, failure.reason, now_ms, now_ms, confirmed=True)
        records.provider_state.save_breaker(route.name, after)
        _log_open(route, after, now_ms)

    def record_success(self, records: Records, route: Route) -> None:
        if records.provider_state.breakers().get(route.name, CLOSED) != CLOSED:
            records.provider_state.save_breaker(route.name, CLOSED)
            log.info("circuit breaker closed", provider=route.provider, route=route.name)

    def provider_recovered(self, records: Records, provider: str, now_ms: int) -> None:
        """Half-open the provider's routes: its check succeeded, so the next attempt may probe them."""
        for route, breaker in records.provider_state.breakers().items():
            if route.startswith(f"{provider}/") and breaker.is_open(now_ms):
                records.provider_state.save_breaker(route, half_opened(breaker, now_ms))

    def _state(self, records: Records) -> tuple[Mapping[str, Breaker], Mapping[str, ProviderMeter]]:
        breakers, meters = records.provider_state.breakers_and_meters()
        return {route: since_start(breaker, self.start_ms) for route, breaker in breakers.items()}, meters

    def _of(self, provider: str) -> ProviderLimits:
        return self.limits.get(provider, UNLIMITED)

    def _spend(self, records: Records, provider: str, now_ms: int) -> RouteWait | None:
        limits = self._of(provider)
        if limits.is_free:
            return None
        meter = records.provider_state.lock_meter(provider)
        if limits.concurrency and records.attempts.count_open(provider, limits.concurrency) >= limits.concurrency:
            return RouteWait(
                FULL_PROVIDER_WAIT_MS, f"{provider} has {limits.concurrency} jobs under way, its concurrency limit"
            )
        match spend_token(limits, meter, now_ms):
            case ProviderMeter() as spent:
                records.provider_state.save_meter(provider, spent)
                return None
            case wait_ms:
                return RouteWait(wait_ms, f"{provider} takes {limits.per_minute:g} jobs a minute")


def _log_open(route: Route, breaker: Breaker, now_ms: int) -> None:
    log.warning(
        "circuit breaker opened",
        provider=route.provider,
        route=route.name,
        for_ms=breaker.open_until_ms - now_ms,
        failures=breaker.failures,
        reason=breaker.reason,
    )


def _is_shared(records: Records, attempt: AttemptId, now_ms: int) -> bool:
    return records.attempts.is_shared_failure(attempt, sorted(COUNTED_FAILURES), now_ms - CONFIRM_WITHIN_MS)


def _is_of_many_tasks(records: Records, route: Route, now_ms: int) -> bool:
    kinds = sorted(UNCERTAIN_FAILURES)
    return records.attempts.failing_tasks(route.name, kinds, now_ms - CONFIRM_WITHIN_MS) >= CONFIRMING_TASKS


def _choose(
    routes: Sequence[Route], breakers: Mapping[str, Breaker], meters: Mapping[str, ProviderMeter], now_ms: int
) -> Route | RouteWait | Failure:
    waits: list[RouteWait] = []
    broken: list[Failure] = []
    for route in routes:
        breaker = breakers.get(route.name, CLOSED)
        pause_ms = meters.get(route.provider, ProviderMeter()).pause_ms(now_ms)
        if breaker.is_rested(now_ms):
            why = f"an operator rests {route.name}: {breaker.rest_reason}"
            waits.append(RouteWait(breaker.rest_until_ms - now_ms, why))
        elif breaker.needs_operator(now_ms):
            broken.append(_broken(route, breaker))
        elif breaker.is_open(now_ms):
            waits.append(RouteWait(breaker.open_until_ms - now_ms, f"{route.name} is down: {breaker.reason}"))
        elif not pause_ms:
            return route
        else:
            waits.append(RouteWait(pause_ms, f"{route.provider} asked for a pause of {pause_ms / 1000:.0f} s"))
            if pause_ms <= MAX_WAITED_PAUSE_MS:
                break
    return min(waits, key=lambda wait: wait.ms) if waits else broken[0]


def _broken(route: Route, breaker: Breaker) -> Failure:
    return Failure(
        breaker.kind or FailureKind.MODEL_UNAVAILABLE,
        breaker.reason or f"{route.name} does not work",
        detail=f"the circuit breaker of {route.name} is open after {breaker.failures} failures",
    )


def _claimable(records: Records, limits: ProviderLimits, models: Sequence[str]) -> int:
    """How many more tasks may be claimed: what the concurrency leaves, and what the rate limit lets submit soon."""
    bounds: list[int] = []
    if limits.concurrency:
        bounds.append(limits.concurrency - records.tasks.count_running(models))
    if limits.per_minute:
        soon = limits.burst + math.ceil(limits.per_minute * CLAIM_AHEAD_S / 60)
        bounds.append(soon - records.tasks.count_without_open_attempt(models))
    return max(0, min(bounds))


def _pause_ms(failure: Failure) -> int:
    if failure.retry_after_s is not None:
        return int(min(max(MIN_PAUSE_MS, failure.retry_after_s * 1000), MAX_PAUSE_MS))
    return 1000 + int(full_jitter_s(4, random.random()) * 1000)  # noqa: S311 - jitter, not a secret
