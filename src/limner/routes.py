"""The routes to each model: those that ship with Limner, and the operator's own in their place."""

import tomllib
from collections.abc import Mapping
from importlib import resources

from limner.domain.model import MODELS
from limner.domain.routing.route import Route, UnknownOutcome
from limner.ports.provider import Provider, ValidatesRoute
from limner.settings import RouteSettings, Settings


class UnknownRoute(ValueError):
    """A route that leads from or to something that does not exist."""


class UnfitRoute(ValueError):
    """A route that no order would go out over."""


def routes_of(settings: Settings, providers: frozenset[str]) -> Mapping[str, tuple[Route, ...]]:
    """The routes of each model, the preferred one first, whether or not their providers have what they need.

    A model that the configuration names has the routes written there, in that order, and no other. Raises
    `UnknownRoute` for a model or a provider that nobody knows.
    """
    for told in settings.route:
        _check(told, providers)
    shipped, own = _by_model(_shipped(), settings.unknown_outcome), _by_model(settings.route, settings.unknown_outcome)
    return shipped | own


def check_routes(routes: Mapping[str, tuple[Route, ...]], providers: Mapping[str, Provider]) -> None:
    """Raises `UnfitRoute` for a route that a provider which is at hand would take no order over."""
    for model, ways in routes.items():
        for route in ways:
            provider = providers.get(route.provider)
            if isinstance(provider, ValidatesRoute) and (wrong := provider.unfit(route.upstream, route.options)):
                raise UnfitRoute(f"the route of {model} to {route.name}: {wrong}")


def _shipped() -> list[RouteSettings]:
    told = tomllib.loads((resources.files("limner") / "routes.toml").read_text())
    return [RouteSettings(**row) for row in told["route"]]


def _by_model(told: list[RouteSettings], unknown_outcome: UnknownOutcome) -> dict[str, tuple[Route, ...]]:
    routes: dict[str, tuple[Route, ...]] = {}
    for each in told:
        routes[each.model] = (*routes.get(each.model, ()), _route(each, unknown_outcome))
    return routes


def _route(told: RouteSettings, unknown_outcome: UnknownOutcome) -> Route:
    return Route(
        name=f"{told.provider}/{told.upstream}",
        provider=told.provider,
        upstream=told.upstream,
        deadline_s=told.deadline_s,
        unknown_outcome=told.unknown_outcome or unknown_outcome,
        options=told.options,
        price_usd=told.price_usd,
    )


def _check(told: RouteSettings, providers: frozenset[str]) -> None:
    if told.model not in MODELS:
        raise UnknownRoute(f"a route leads from {told.model!r}, which is no model; there are {', '.join(MODELS)}")
    if told.provider not in providers:
        raise UnknownRoute(
            f"a route of {told.model} leads to the provider {told.provider!r}, which nobody knows; "
            f"there are {', '.join(sorted(providers))}. Another one needs a table [provider.{told.provider}]"
        )
