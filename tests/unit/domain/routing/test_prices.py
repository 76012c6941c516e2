"""What a picture costs, by quality and size."""

from dataclasses import replace

import pytest

from limner.domain.picture_size import PIXELS_OF_CLASS
from limner.domain.routing.abilities import Abilities
from limner.domain.routing.obeyed import priced
from limner.domain.routing.prices import NO_PRICES, Prices, by_class, by_megapixel
from limner.domain.routing.route import Route, UnknownOutcome
from limner.domain.tasks.spec import TaskSpec

MEGAPIXEL = PIXELS_OF_CLASS["1K"]
BY_QUALITY = Prices(0.05, {"medium": ((MEGAPIXEL, 0.05),), "high": ((MEGAPIXEL, 0.2), (4 * MEGAPIXEL, 0.5))}, "medium")


@pytest.mark.parametrize(
    ("quality", "size", "usd"),
    [
        (None, None, 0.05),
        ("high", None, 0.2),
        ("high", "1K", 0.2),
        ("high", "2K", 0.5),
        ("high", "512x512", 0.2),
        ("high", "2048x1280", 0.35),
        (None, "2K", 0.2),
        ("high", "4K", 2.0),
        ("low", None, None),
    ],
)
def test_a_price_is_that_of_the_quality_and_the_pixels(quality: str | None, size: str | None, usd: float) -> None:
    assert BY_QUALITY.of(quality, size) == (None if usd is None else pytest.approx(usd))


def test_one_price_holds_for_everything() -> None:
    assert Prices(0.04).of("high", "4K") == 0.04
    assert NO_PRICES.of(None, None) is NO_PRICES.of("low", "1K") is None


def test_prices_of_classes_and_of_megapixels_hold_for_every_quality() -> None:
    assert Prices(1, {"": by_class({"512": 0.5, "2K": 2.0, "1K": 1.0})}).of("high", "2K") == 2.0
    assert Prices(1, {"": by_megapixel(0.03, 0.015)}).of(None, "2K") == pytest.approx(0.075)


def test_at_one_size_only_the_quality_counts() -> None:
    fixed = BY_QUALITY.at("2K")

    assert [fixed.of(quality, None) for quality in (None, "high")] == [pytest.approx(0.2), pytest.approx(0.5)]


def route_with(abilities: Abilities) -> Route:
    return Route("r", "p", "u", 60, UnknownOutcome.RESEND_ONCE, price_usd=0.05, prices=BY_QUALITY, abilities=abilities)


def test_a_route_is_priced_by_what_it_would_be_asked_for() -> None:
    """Not by what the caller asked: a quality that the route does not obey costs nothing."""
    able = route_with(Abilities(qualities=frozenset({"medium", "high"}), size_classes=frozenset({"1K", "2K"})))

    assert priced(TaskSpec(quality="max"), able, 0).price_usd == 0.2
    assert priced(TaskSpec(quality="high", size="4K"), able, 0).price_usd == 0.5
    assert priced(TaskSpec(quality="high"), route_with(Abilities()), 0).price_usd == 0.05
    assert priced(TaskSpec(seed=1), able, 0) is able


def test_reference_pictures_are_priced_each_whatever_the_size() -> None:
    dearer = Prices(0.03, {"": by_megapixel(0.03, 0.015)}, per_reference=0.015)
    route = replace(route_with(Abilities(size_classes=frozenset({"2K"}))), price_usd=0.03, prices=dearer)

    assert [dearer.of(None, None, count) for count in (0, 1, 3)] == pytest.approx([0.03, 0.045, 0.075])
    assert priced(TaskSpec(), route, 2).price_usd == pytest.approx(0.06)
    assert priced(TaskSpec(size="2K"), route, 2).price_usd == pytest.approx(0.105)
    assert priced(TaskSpec(), route, 0) is route
    assert dearer.at("2K").of(None, None, 1) == pytest.approx(0.09)
    assert NO_PRICES.of(None, None, 3) is None
