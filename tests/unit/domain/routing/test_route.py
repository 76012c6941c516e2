import pytest

from limner.domain.routing.failure import FALLS_BACK, RETRIES, FailureKind
from limner.domain.routing.route import FailedTry, Route, UnknownOutcome, routes_to_try

FIRST, SECOND = (
    Route(f"{name}/kontext", name, "kontext", 120.0, UnknownOutcome.RESEND_ONCE) for name in ("first", "second")
)
BOTH = [FIRST, SECOND]


def after(*tries: tuple[Route, FailureKind], routes: list[Route] = BOTH) -> list[Route]:
    return routes_to_try(routes, [FailedTry(route.name, kind) for route, kind in tries])


def test_before_any_try_all_are_open_in_their_order() -> None:
    assert after() == BOTH


@pytest.mark.parametrize("kind", [FailureKind.AUTH, FailureKind.QUOTA_EXHAUSTED, FailureKind.MODEL_UNAVAILABLE])
def test_what_no_repeat_mends_leads_to_the_next_route_at_once(kind: FailureKind) -> None:
    assert after((FIRST, kind)) == [SECOND]


@pytest.mark.parametrize("kind", sorted(FALLS_BACK))
def test_a_route_whose_repeats_are_used_up_is_left_for_the_next(kind: FailureKind) -> None:
    repeats = [(FIRST, kind)] * RETRIES[kind]

    assert after(*repeats) == BOTH
    assert after(*repeats, (FIRST, kind)) == [SECOND]


@pytest.mark.parametrize("kind", sorted(FALLS_BACK - {FailureKind.RATE_LIMITED}))
def test_when_all_are_used_up_none_is_open(kind: FailureKind) -> None:
    used = RETRIES[kind] + 1

    assert after(*[(FIRST, kind)] * used, *[(SECOND, kind)] * used) == []


def test_a_vendor_that_asks_to_wait_is_waited_for_where_no_other_is_left() -> None:
    limited = [(FIRST, FailureKind.RATE_LIMITED)] * 50

    assert after(*limited, routes=[FIRST]) == [FIRST]
    assert after(*limited) == [SECOND]


@pytest.mark.parametrize("kind", [FailureKind.CONTENT_POLICY, FailureKind.BAD_INPUT, FailureKind.CANCELLED])
def test_what_is_about_the_request_is_tried_nowhere_else(kind: FailureKind) -> None:
    assert after((FIRST, kind)) == []


@pytest.mark.parametrize("kind", [FailureKind.UNKNOWN_OUTCOME, FailureKind.BAD_OUTPUT, FailureKind.NO_IMAGE])
def test_what_may_have_cost_money_is_counted_over_all_routes(kind: FailureKind) -> None:
    half = RETRIES[kind] + 1

    assert after(*[(FIRST, kind)] * (half - 1), (SECOND, kind)) == []


def test_a_route_that_is_no_longer_there_is_no_way() -> None:
    assert after((FIRST, FailureKind.TRANSIENT), routes=[SECOND]) == [SECOND]
