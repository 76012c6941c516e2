"""Which of a model's routes a task may take, by its rules for spending."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from limner.domain.prompts.dialect import family_named_in
from limner.domain.routing.route import Route
from limner.domain.spending_rules import Fallback, SpendingRules


@dataclass(frozen=True, slots=True)
class SkippedRoute:
    """A route that a task may not take, and why."""

    route: Route
    reason: str


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """The routes that a task may take, the preferred one first, and those that it may not."""

    allowed: tuple[Route, ...]
    skipped: tuple[SkippedRoute, ...]


def choose_routes(routes: Sequence[Route], rules: SpendingRules, is_free: Callable[[Route], bool]) -> RouteChoice:
    """Those of `routes` that the rules allow. A route without a known price is within no cap, unless it is free."""
    prices = {route.name: 0.0 if is_free(route) else route.price_usd for route in routes}
    allowed: list[Route] = []
    skipped: list[SkippedRoute] = []
    for route in routes:
        reason = _above_cap(prices[route.name], rules)
        if reason is None and allowed:
            reason = _no_consent(route, allowed[0], prices, rules.fallback)
        if reason is None:
            allowed.append(route)
        else:
            skipped.append(SkippedRoute(route, reason))
    return RouteChoice(tuple(allowed), tuple(skipped))


def _above_cap(price_usd: float | None, rules: SpendingRules) -> str | None:
    cap = rules.max_vendor_usd
    if cap is None or (price_usd is not None and price_usd <= cap):
        return None
    costs = "has no known price" if price_usd is None else f"costs ${price_usd:g}"
    return f"{costs}, and max_vendor_usd is {cap:g}"


def _no_consent(route: Route, first: Route, prices: dict[str, float | None], fallback: Fallback | None) -> str | None:
    if fallback is Fallback.NEVER:
        return "fallback is never"
    if fallback is not Fallback.SAME_PRICE:
        return None
    ours, preferred = prices[route.name], prices[first.name]
    if ours is None or preferred is None or ours > preferred:
        return f"is not known to cost at most what {first.name} does, and fallback is same_price"
    if family_named_in(route.upstream) != family_named_in(first.upstream):
        return f"is of another family than {first.name}, and fallback is same_price"
    return None
