from dataclasses import replace

import pytest

from limner.domain.routing.failure import FALLS_BACK, RETRIES, FailureKind
from limner.domain.routing.retry import MAX_USELESS_ANSWERS, FailedTry, routes_to_try
from limner.domain.routing.route import Route, UnknownOutcome

FIRST, SECOND = (
    Route(f"{name}/kontext", name, "kontext", 120.0, UnknownOutcome.RESEND_ONCE) for name in ("first", "second")
)
BOTH = [FIRST, SECOND]


def after(*tries: tuple[Route, FailureKind], routes: list[Route] = BOTH) -> list[Route]:
    return routes_to_try(routes, [FailedTry(route.name, kind) for route, kind in tries])


def test_before_any_attempt_all_routes_may_be_tried_in_their_order() -> None:
    assert after() == BOTH


@pytest.mark.parametrize("kind", [FailureKind.AUTH, FailureKind.QUOTA_EXHAUSTED, FailureKind.MODEL_UNAVAILABLE])
def test_a_failure_without_retries_falls_back_at_once(kind: FailureKind) -> None:
    assert after((FIRST, kind)) == [SECOND]


def test_a_wrong_key_is_wrong_on_every_route_of_its_provider() -> None:
    sibling = replace(FIRST, name="first/pro", upstream="pro")
    tries = [FailedTry(FIRST.name, FailureKind.AUTH, of_key=True)]

    assert routes_to_try([FIRST, sibling, SECOND], tries) == [SECOND]
    assert routes_to_try([FIRST, sibling], tries) == []


@pytest.mark.parametrize("kind", sorted(FALLS_BACK))
def test_a_route_without_retries_left_falls_back(kind: FailureKind) -> None:
    repeats = [(FIRST, kind)] * RETRIES[kind]

    assert after(*repeats) == BOTH
    assert after(*repeats, (FIRST, kind)) == [SECOND]


@pytest.mark.parametrize("kind", sorted(FALLS_BACK - {FailureKind.RATE_LIMITED}))
def test_without_retries_left_on_any_route_the_failure_is_final(kind: FailureKind) -> None:
    used = RETRIES[kind] + 1

    assert after(*[(FIRST, kind)] * used, *[(SECOND, kind)] * used) == []


def test_a_rate_limited_route_is_retried_while_there_is_no_other() -> None:
    limited = [(FIRST, FailureKind.RATE_LIMITED)] * 50

    assert after(*limited, routes=[FIRST]) == [FIRST]
    assert after(*limited) == [SECOND]


@pytest.mark.parametrize("kind", [FailureKind.CONTENT_POLICY, FailureKind.BAD_INPUT, FailureKind.CANCELLED])
def test_a_failure_of_the_request_is_final(kind: FailureKind) -> None:
    assert after((FIRST, kind)) == []


@pytest.mark.parametrize("kind", [FailureKind.UNKNOWN_OUTCOME, FailureKind.BAD_OUTPUT, FailureKind.NO_IMAGE])
def test_what_may_have_cost_money_is_counted_over_all_routes(kind: FailureKind) -> None:
    half = RETRIES[kind] + 1

    assert after(*[(FIRST, kind)] * (half - 1), (SECOND, kind)) == []


@pytest.mark.parametrize(
    "last", [(FailureKind.BAD_OUTPUT, True), (FailureKind.NO_IMAGE, False), (FailureKind.TRANSIENT, True)]
)
def test_useless_answers_of_all_kinds_and_routes_are_counted_together(last: tuple[FailureKind, bool]) -> None:
    empty = FailedTry(FIRST.name, FailureKind.NO_IMAGE, charged=True)

    assert MAX_USELESS_ANSWERS == 3
    assert routes_to_try(BOTH, [empty, FailedTry(SECOND.name, *last)]) != []
    assert routes_to_try(BOTH, [empty, empty, FailedTry(SECOND.name, *last)]) == []


def test_an_unknown_outcome_allows_one_more_purchase_beside_the_useless_answers() -> None:
    empty, cut = (FailedTry(FIRST.name, kind) for kind in (FailureKind.NO_IMAGE, FailureKind.UNKNOWN_OUTCOME))

    assert routes_to_try(BOTH, [empty, empty, cut]) != []
    assert routes_to_try(BOTH, [empty, empty, cut, empty]) == []
    assert routes_to_try(BOTH, [empty, cut, cut]) == []


def test_an_answer_in_a_form_that_cannot_be_read_is_not_bought_again_on_its_route() -> None:
    assert after((FIRST, FailureKind.UNSUPPORTED_OUTPUT)) == [SECOND]


def test_a_route_that_was_removed_is_not_tried() -> None:
    assert after((FIRST, FailureKind.TRANSIENT), routes=[SECOND]) == [SECOND]


def test_what_a_vendor_calls_lasting_is_not_repeated_there_not_even_after_other_routes() -> None:
    lasting = FailedTry(FIRST.name, FailureKind.TRANSIENT, repeatable=False)

    assert routes_to_try(BOTH, [lasting]) == [SECOND]
    assert routes_to_try(BOTH, [lasting, FailedTry(SECOND.name, FailureKind.TRANSIENT)]) == [SECOND]
    assert routes_to_try([FIRST], [lasting]) == []
