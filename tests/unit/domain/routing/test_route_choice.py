"""Which routes a task may take, by the vendors' prices and by what its callers consent to."""

import pytest

from limner.domain.prompts.dialect import family_named_in
from limner.domain.routing.route import Route, UnknownOutcome
from limner.domain.routing.route_choice import choose_routes
from limner.domain.spending_rules import Fallback, SpendingRules


def route(upstream: str, price_usd: float | None, provider: str = "vendor") -> Route:
    name = f"{provider}/{upstream}"
    return Route(name, provider, upstream, 60, UnknownOutcome.RESEND_ONCE, price_usd=price_usd)


FIRST = route("flux-kontext-pro", 0.04)
CHEAPER = route("FLUX.1-Kontext-dev", 0.025)
DEARER = route("flux-kontext-max", 0.08)
OTHER_FAMILY = route("flux-2-pro", 0.03)
UNPRICED = route("flux-kontext-lite", None)
FREE = route("flux-kontext-own", None, "own")
ANY = SpendingRules(None, Fallback.ANY)
ALL = (FIRST, CHEAPER, DEARER, OTHER_FAMILY, UNPRICED, FREE)


def names(rules: SpendingRules, routes: tuple[Route, ...] = ALL) -> list[str]:
    return [each.upstream for each in choose_routes(routes, rules, lambda each: each.provider == "own").allowed]


def test_without_rules_all_routes_are_taken_in_their_order() -> None:
    assert names(SpendingRules()) == [each.upstream for each in ALL]


def test_a_cap_skips_what_costs_more_or_has_no_known_price() -> None:
    choice = choose_routes(ALL, SpendingRules(max_vendor_usd=0.04), lambda each: each.provider == "own")

    assert choice.allowed == (FIRST, CHEAPER, OTHER_FAMILY, FREE)
    assert [(each.route, each.reason) for each in choice.skipped] == [
        (DEARER, "costs $0.08, and max_vendor_usd is 0.04"),
        (UNPRICED, "has no known price, and max_vendor_usd is 0.04"),
    ]


def test_a_cap_below_all_leaves_what_is_free() -> None:
    assert names(SpendingRules(max_vendor_usd=0)) == ["flux-kontext-own"]
    assert names(SpendingRules(max_vendor_usd=0), (FIRST, UNPRICED)) == []


def test_never_takes_the_first_route_that_the_cap_leaves() -> None:
    assert names(SpendingRules(fallback=Fallback.NEVER)) == ["flux-kontext-pro"]
    assert names(SpendingRules(0.03, Fallback.NEVER)) == ["FLUX.1-Kontext-dev"]


def test_the_same_price_is_one_that_is_known_and_of_the_same_family() -> None:
    assert names(SpendingRules(fallback=Fallback.SAME_PRICE)) == [
        "flux-kontext-pro",
        "FLUX.1-Kontext-dev",
        "flux-kontext-own",
    ]
    assert names(SpendingRules(fallback=Fallback.SAME_PRICE), (UNPRICED, FIRST)) == ["flux-kontext-lite"]


@pytest.mark.parametrize(
    ("rules", "together"),
    [
        ((SpendingRules(), SpendingRules()), SpendingRules()),
        ((SpendingRules(0.1), SpendingRules(0.05), SpendingRules()), SpendingRules(0.05)),
        ((SpendingRules(0.0), SpendingRules(0.05)), SpendingRules(0.0)),
        (
            (SpendingRules(None, Fallback.ANY), SpendingRules(0.1, Fallback.SAME_PRICE)),
            SpendingRules(0.1, Fallback.SAME_PRICE),
        ),
        ((SpendingRules(None, Fallback.NEVER), ANY), SpendingRules(None, Fallback.NEVER)),
    ],
)
def test_the_strictest_rule_counts(rules: tuple[SpendingRules, ...], together: SpendingRules) -> None:
    assert rules[0].with_all(*rules[1:]) == together


@pytest.mark.parametrize(
    ("upstream", "family"),
    [
        ("gpt-image-2.6-flare", "gpt-image"),
        ("gemini-nano-banana-2.1", "gemini"),
        ("gemini-3-pro-image", "gemini"),
        ("fal-ai/flux-2/pro", "flux-2"),
        ("black-forest-labs/FLUX.1-Kontext-dev", "kontext"),
        ("somebody/my-model", "somebody/my-model"),
    ],
)
def test_a_family_is_read_from_the_name(upstream: str, family: str) -> None:
    assert family_named_in(upstream) == family
