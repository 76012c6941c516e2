"""The routes of each model: the shipped ones, or the operator's instead."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources

from limner.domain.model import ModelFacts, Models
from limner.domain.prompts.dialect import DIALECTS
from limner.domain.routing.prices import Prices
from limner.domain.routing.route import Route, UnknownOutcome
from limner.ports.provider import (
    CapsReferences,
    Provider,
    ValidatesRoute,
    abilities_of,
    dialect_of,
    prices_of,
)
from limner.settings import RouteSettings, Settings


class UnknownRoute(ValueError):
    """A route names a provider that does not exist."""


class InvalidRoute(ValueError):
    """A route has an upstream name or options that its provider refuses."""


def routes_of(settings: Settings, providers: frozenset[str]) -> Mapping[str, tuple[Route, ...]]:
    """The routes of each model in order of preference, including routes to providers without a key.

    If the configuration has routes for a model, only those are used, in their order. `providers` are the known
    provider names. Raises `UnknownRoute` for a route to an unknown provider.
    """
    for row in settings.route:
        _check_provider(row, providers)
    shipped, own = (
        _by_model(_shipped_routes(), settings.unknown_outcome),
        _by_model(settings.route, settings.unknown_outcome),
    )
    return shipped | own


def check_routes(routes: Mapping[str, tuple[Route, ...]], providers: Mapping[str, Provider]) -> None:
    """Raise `InvalidRoute` for a route that its provider refuses. Routes to inactive providers are not checked."""
    for model, model_routes in routes.items():
        for route in model_routes:
            provider = providers.get(route.provider)
            if isinstance(provider, ValidatesRoute) and (
                wrong := provider.route_problem(route.upstream, route.options)
            ):
                raise InvalidRoute(f"the route of {model} to {route.name}: {wrong}")


def with_provider_facts(
    routes: Mapping[str, tuple[Route, ...]], providers: Mapping[str, Provider], models: Models
) -> Mapping[str, tuple[Route, ...]]:
    """The routes with what their providers say of the upstreams, as far as their models let callers use it.

    May read local files.
    """
    return {
        model: tuple(_with_facts(route, providers.get(route.provider), models[model]) for route in model_routes)
        for model, model_routes in routes.items()
    }


def _with_facts(route: Route, provider: Provider | None, model: ModelFacts) -> Route:
    upstream, options = route.upstream, route.options
    prices = _prices(route, provider)
    return replace(
        route,
        reference_cap=provider.reference_cap(upstream, options) if isinstance(provider, CapsReferences) else None,
        abilities=model.limit(abilities_of(provider, upstream, options)),
        dialect=route.dialect or dialect_of(provider, upstream, options),
        price_usd=prices.usual,
        prices=prices,
    )


def _prices(route: Route, provider: Provider | None) -> Prices:
    """The operator's one price, whatever is asked; else the vendor's list prices."""
    if route.price_usd is not None:
        return Prices(route.price_usd)
    return prices_of(provider, route.upstream, route.options)


def _shipped_routes() -> list[RouteSettings]:
    parsed = tomllib.loads((resources.files("limner") / "routes.toml").read_text())
    return [RouteSettings(**row) for row in parsed["route"]]


def _by_model(rows: list[RouteSettings], unknown_outcome: UnknownOutcome) -> dict[str, tuple[Route, ...]]:
    routes: dict[str, tuple[Route, ...]] = {}
    for row in rows:
        routes[row.model] = (*routes.get(row.model, ()), _route(row, unknown_outcome))
    return routes


def _route(row: RouteSettings, unknown_outcome: UnknownOutcome) -> Route:
    return Route(
        name=f"{row.provider}/{row.upstream}",
        provider=row.provider,
        upstream=row.upstream,
        deadline_s=row.deadline_s,
        unknown_outcome=row.unknown_outcome or unknown_outcome,
        options=row.options,
        price_usd=row.price_usd,
        dialect=DIALECTS[row.prompt_dialect] if row.prompt_dialect else None,
    )


def _check_provider(row: RouteSettings, providers: frozenset[str]) -> None:
    if row.provider not in providers:
        raise UnknownRoute(
            f"a route of {row.model} has the provider {row.provider!r}, which does not exist; providers are "
            f"{', '.join(sorted(providers))}. To add one, write a table [provider.{row.provider}]"
        )
