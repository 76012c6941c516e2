from datetime import date

import pytest

from limner.application.generation.model_list import served_models
from limner.application.generation.routing import Routing
from limner.domain.routing.route import Route, UnknownOutcome
from limner.models import shipped_models
from limner.providers.sandbox import SandboxProvider

MODEL = "gpt_image_1.5"


def route(provider: str, cap: int | None) -> Route:
    return Route(f"{provider}/x", provider, "x", 120.0, UnknownOutcome.RESEND_ONCE, reference_cap=cap)


def routing(*routes: Route) -> Routing:
    """Only the vendors `first` and `second` are configured."""
    providers = {name: SandboxProvider() for name in ("sandbox", "first", "second")}
    policy = UnknownOutcome.RESEND_ONCE
    return Routing(providers, "sandbox", 60.0, policy, routes={MODEL: routes}, models=shipped_models())


def test_with_a_vendor_only_what_it_serves_is_listed_over_its_open_routes() -> None:
    [listed] = served_models(routing(route("elsewhere", 1), route("second", 2), route("first", 3)))

    assert listed.facts is shipped_models()[MODEL]
    assert [each.provider for each in listed.routes] == ["second", "first"]


@pytest.mark.parametrize(("caps", "cap"), [((2, 3), 3), ((0, 0), 0), ((None, 1), 10), ((16, 2), 10)])
def test_it_takes_as_many_pictures_as_the_route_that_takes_most_but_no_more_than_the_model(
    caps: tuple[int | None, int | None], cap: int
) -> None:
    [listed] = served_models(routing(route("first", caps[0]), route("second", caps[1])))

    assert listed.reference_cap == cap


@pytest.mark.parametrize(("today", "is_retired"), [(date(2026, 11, 30), False), (date(2026, 12, 1), True)])
def test_an_original_is_retired_from_its_day_on(today: date, *, is_retired: bool) -> None:
    [listed] = served_models(routing(route("first", 1)))

    assert listed.retired(today) == (date(2026, 12, 1) if is_retired else None)
