"""The state of each route: used, paused by its vendor, or with an open circuit breaker."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from limner.application.generation.routing import Routing
from limner.db.records import Records
from limner.domain.routing.breaker import CLOSED, Breaker
from limner.domain.routing.provider_limits import ProviderMeter
from limner.domain.routing.route import Route


class RouteCondition(StrEnum):
    """Whether a route may be used now."""

    OPEN = "open"
    """It is used: the ordinary state."""
    PAUSED = "paused"
    """Its vendor asked for a pause."""
    BROKEN = "broken"
    """Its circuit breaker is open after failures."""
    RESTED = "rested"
    """An operator rests it."""


@dataclass(frozen=True, slots=True)
class RouteState:
    """A configured route, the models that it serves, and until when and why it is not used."""

    route: str
    provider: str
    upstream: str
    models: tuple[str, ...]
    condition: RouteCondition
    until_ms: int | None = None
    reason: str | None = None


def route_states(records: Records, routing: Routing, now_ms: int) -> Sequence[RouteState]:
    """The state of every active route, in the order of the models."""
    breakers, meters = records.provider_state.breakers(), records.provider_state.meters()
    models: dict[str, list[str]] = {}
    routes: dict[str, Route] = {}
    for model, candidates in routing.all_routes().items():
        for route in candidates:
            routes[route.name] = route
            models.setdefault(route.name, []).append(model)
    return [
        route_state(
            route,
            tuple(models[name]),
            breakers.get(name, CLOSED),
            meters.get(route.provider, ProviderMeter()),
            now_ms,
        )
        for name, route in routes.items()
    ]


def route_state(
    route: Route, models: tuple[str, ...], breaker: Breaker, meter: ProviderMeter, now_ms: int
) -> RouteState:
    """The state of one route, by the state of its breaker and of its provider."""
    condition, until_ms, reason = RouteCondition.OPEN, None, None
    if breaker.is_rested(now_ms):
        condition, until_ms, reason = RouteCondition.RESTED, breaker.rest_until_ms, breaker.rest_reason
    elif breaker.is_open(now_ms):
        condition, until_ms, reason = RouteCondition.BROKEN, breaker.open_until_ms, breaker.reason
    elif meter.pause_ms(now_ms):
        condition, until_ms = RouteCondition.PAUSED, meter.paused_until_ms
        reason = f"{route.provider} asked for a pause"
    return RouteState(route.name, route.provider, route.upstream, models, condition, until_ms, reason)
