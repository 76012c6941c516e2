"""Which way an order goes now: a route that rests is passed over, one that is full or pauses is waited for.

What is known of the vendors stands in the database, so that all workers drive by the same signs.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from limner.db.records import Records
from limner.db.tables.tasks import ClaimLimit
from limner.domain.routing.backoff import full_jitter_s
from limner.domain.routing.breaker import CLOSED, Breaker, after_failure, half_opened, probing
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.provider_limits import (
    MAX_PAUSE_MS,
    UNLIMITED,
    ProviderLimits,
    ProviderMeter,
    spend_token,
)
from limner.domain.routing.route import Route

MAX_WAITED_PAUSE_MS = 30_000
"""How long a pause that a vendor asks for is waited out while there is another route."""

MIN_PAUSE_MS = 500
"""For vendors that say 'too many' and 'come back at once' in one breath."""

CLAIM_AHEAD_S = 10
"""Tasks whose orders begin within this time may start and wait for it; the others wait in the queue, in their order."""

FULL_PROVIDER_WAIT_MS = 300
"""How soon an order looks again for a place at a vendor that is full."""


@dataclass(frozen=True, slots=True)
class RouteWait:
    """Not now: ask again in `ms`. `why` is a sentence for the operator."""

    ms: int
    why: str


@dataclass(frozen=True, slots=True)
class RouteLimits:
    """`paces` are the limits of each provider's key; one that is not named has none."""

    paces: Mapping[str, ProviderLimits] = field(default_factory=dict)

    def enter(self, records: Records, routes: Sequence[Route], now_ms: int) -> Route | RouteWait | Failure:
        """The route for an order that begins now, its place and its token taken; or why none is open.

        A place is held by the journal's open row, which the caller writes in this same unit of work.
        """
        breakers = records.provider_state.breakers()
        choice = _choose(routes, breakers, records.provider_state.meters(), now_ms)
        if not isinstance(choice, Route):
            return choice
        if wait := self._keep_pace(records, choice.provider, now_ms):
            return wait
        breaker = breakers.get(choice.name, CLOSED)
        if breaker.openings and not records.provider_state.claim_probe(choice.name, breaker, probing(breaker, now_ms)):
            return RouteWait(FULL_PROVIDER_WAIT_MS, f"{choice.name} is being tried")
        return choice

    def claim_limits(
        self, records: Records, routes: Mapping[str, Sequence[Route]], now_ms: int
    ) -> Sequence[ClaimLimit]:
        """How many more tasks of which models may start: what a vendor has no place for stays in the queue."""
        breakers, meters = records.provider_state.breakers(), records.provider_state.meters()
        held: list[str] = []
        tried: dict[str, list[str]] = {}
        limited: dict[str, list[str]] = {}
        for model, ways in routes.items():
            open_ways = [way for way in ways if _choose([way], breakers, meters, now_ms) == way]
            match _choose(ways, breakers, meters, now_ms):
                case RouteWait():
                    held.append(model)
                case Route() as route if breakers.get(route.name, CLOSED).openings and open_ways == [route]:
                    tried.setdefault(route.name, []).append(model)
                case Route() as route if not self._pace(route.provider).is_free:
                    limited.setdefault(route.provider, []).append(model)
        claim_limits = [ClaimLimit(tuple(models), 0) for models in [held] if models]
        claim_limits += [
            ClaimLimit(tuple(models), max(0, 1 - records.tasks.count_without_open_attempt(models)))
            for models in tried.values()
        ]
        claim_limits += [
            ClaimLimit(tuple(models), _room(records, self._pace(name), models)) for name, models in limited.items()
        ]
        return claim_limits

    def failed(self, records: Records, route: Route, failure: Failure, begun_ms: int, now_ms: int) -> None:
        """Let all workers know what an attempt that was begun then and failed says of its route."""
        before = records.provider_state.breakers().get(route.name, CLOSED)
        after = after_failure(before, failure.kind, failure.reason, begun_ms, now_ms)
        if after != before:
            records.provider_state.save_breaker(route.name, after)
        if failure.kind is FailureKind.RATE_LIMITED:
            records.provider_state.pause(route.provider, now_ms + _pause_ms(failure))

    def worked(self, records: Records, route: Route) -> None:
        if records.provider_state.breakers().get(route.name, CLOSED) != CLOSED:
            records.provider_state.save_breaker(route.name, CLOSED)

    def provider_recovered(self, records: Records, provider: str, now_ms: int) -> None:
        """Somebody asked the provider, and it answered well: its routes that rest are tried by the next order."""
        for route, breaker in records.provider_state.breakers().items():
            if route.startswith(f"{provider}/") and breaker.is_open(now_ms):
                records.provider_state.save_breaker(route, half_opened(breaker, now_ms))

    def _pace(self, provider: str) -> ProviderLimits:
        return self.paces.get(provider, UNLIMITED)

    def _keep_pace(self, records: Records, provider: str, now_ms: int) -> RouteWait | None:
        pace = self._pace(provider)
        if pace.is_free:
            return None
        meter = records.provider_state.lock_meter(provider)
        if pace.concurrency and records.attempts.count_open(provider, pace.concurrency) >= pace.concurrency:
            return RouteWait(
                FULL_PROVIDER_WAIT_MS, f"{provider} has {pace.concurrency} orders in hand, as many as it may"
            )
        match spend_token(pace, meter, now_ms):
            case ProviderMeter() as spent:
                records.provider_state.save_meter(provider, spent)
                return None
            case wait_ms:
                return RouteWait(wait_ms, f"{provider} takes {pace.per_minute:g} orders a minute")


def _choose(
    routes: Sequence[Route], breakers: Mapping[str, Breaker], meters: Mapping[str, ProviderMeter], now_ms: int
) -> Route | RouteWait | Failure:
    waits: list[RouteWait] = []
    broken: list[Failure] = []
    for route in routes:
        breaker = breakers.get(route.name, CLOSED)
        pause_ms = meters.get(route.provider, ProviderMeter()).pause_ms(now_ms)
        if breaker.needs_operator(now_ms):
            broken.append(_rests(route, breaker))
        elif breaker.is_open(now_ms):
            waits.append(RouteWait(breaker.open_until_ms - now_ms, f"{route.name} is down: {breaker.reason}"))
        elif not pause_ms:
            return route
        else:
            waits.append(RouteWait(pause_ms, f"{route.provider} asked for a pause of {pause_ms / 1000:.0f} s"))
            if pause_ms <= MAX_WAITED_PAUSE_MS:
                break
    return min(waits, key=lambda wait: wait.ms) if waits else broken[0]


def _rests(route: Route, breaker: Breaker) -> Failure:
    return Failure(
        breaker.kind or FailureKind.MODEL_UNAVAILABLE,
        breaker.reason or f"{route.name} does not work",
        detail=f"{route.name} rests after {breaker.failures} failures",
    )


def _room(records: Records, pace: ProviderLimits, models: Sequence[str]) -> int:
    """How many more tasks may start: no more than the vendor takes at once, and than it will soon take on."""
    claim_limits: list[int] = []
    if pace.concurrency:
        claim_limits.append(pace.concurrency - records.tasks.count_running(models))
    if pace.per_minute:
        soon = pace.burst + math.ceil(pace.per_minute * CLAIM_AHEAD_S / 60)
        claim_limits.append(soon - records.tasks.count_without_open_attempt(models))
    return max(0, min(claim_limits))


def _pause_ms(failure: Failure) -> int:
    if failure.retry_after_s is not None:
        return int(min(max(MIN_PAUSE_MS, failure.retry_after_s * 1000), MAX_PAUSE_MS))
    return 1000 + int(full_jitter_s(4, random.random()) * 1000)  # noqa: S311 - spreads a crowd, guards nothing
