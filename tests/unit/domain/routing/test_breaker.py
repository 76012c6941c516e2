from dataclasses import replace

import pytest

from limner.domain.routing.breaker import CLOSED, PROBE_MS, TRIP_AT, Breaker, after_failure, probing
from limner.domain.routing.failure import FailureKind

NOW = 1_000_000


def failed(kind: FailureKind, times: int, breaker: Breaker = CLOSED) -> Breaker:
    for _ in range(times):
        breaker = after_failure(breaker, kind, "no", NOW, NOW)
    return breaker


@pytest.mark.parametrize("kind", [FailureKind.AUTH, FailureKind.QUOTA_EXHAUSTED, FailureKind.MODEL_UNAVAILABLE])
def test_a_failure_that_needs_the_operator_opens_the_breaker_at_once(kind: FailureKind) -> None:
    breaker = failed(kind, 1)

    assert (breaker.is_open(NOW + 59_999), breaker.is_open(NOW + 60_000)) == (True, False)
    assert (breaker.needs_operator(NOW), breaker.kind, breaker.reason) == (True, kind, "no")


@pytest.mark.parametrize("kind", [FailureKind.TRANSIENT, FailureKind.TIMEOUT])
def test_a_transient_failure_opens_the_breaker_after_several_in_a_row(kind: FailureKind) -> None:
    assert not failed(kind, TRIP_AT - 1).is_open(NOW)
    assert failed(kind, TRIP_AT).is_open(NOW)
    assert not failed(kind, TRIP_AT).needs_operator(NOW)


@pytest.mark.parametrize("kind", [FailureKind.CONTENT_POLICY, FailureKind.BAD_INPUT, FailureKind.NO_IMAGE])
def test_a_failure_that_is_about_the_request_shows_that_the_route_works(kind: FailureKind) -> None:
    assert after_failure(failed(FailureKind.TRANSIENT, TRIP_AT), kind, "no", NOW, NOW) == CLOSED


@pytest.mark.parametrize("kind", [FailureKind.RATE_LIMITED, FailureKind.UNKNOWN_OUTCOME, FailureKind.CANCELLED])
def test_some_failures_say_nothing_of_the_route(kind: FailureKind) -> None:
    before = failed(FailureKind.TRANSIENT, 3)

    assert after_failure(before, kind, "no", NOW, NOW) == before


def test_each_opening_lasts_twice_as_long_up_to_15_minutes() -> None:
    breaker, pauses = CLOSED, []
    for _ in range(7):
        breaker = after_failure(breaker, FailureKind.AUTH, "no", NOW, NOW)
        pauses.append(breaker.open_until_ms - NOW)

    assert pauses == [60_000, 120_000, 240_000, 480_000, 900_000, 900_000, 900_000]


def test_a_probe_that_fails_opens_again_without_counting_anew() -> None:
    once = failed(FailureKind.TRANSIENT, TRIP_AT)

    again = failed(FailureKind.TRANSIENT, 1, once)

    assert again.open_until_ms - NOW == 2 * (once.open_until_ms - NOW)


@pytest.mark.parametrize("kind", [FailureKind.TRANSIENT, FailureKind.AUTH])
def test_attempts_under_way_when_the_breaker_opened_do_not_extend_its_pause(kind: FailureKind) -> None:
    """Two dozen orders are in flight when a vendor fails for a second: this counts as one failure, not twenty."""
    down = failed(kind, TRIP_AT)
    later = NOW + 1000

    for _ in range(20):
        assert after_failure(down, kind, "no", NOW - 1, later) == down


def test_the_probe_is_the_one_whose_failure_counts() -> None:
    down = failed(FailureKind.TRANSIENT, TRIP_AT)
    now = down.open_until_ms
    tried = probing(down, now)

    assert after_failure(tried, FailureKind.TRANSIENT, "no", now - 1, now + 5) == tried
    assert after_failure(tried, FailureKind.TRANSIENT, "no", now, now + 5).openings == 2


def test_an_opening_from_before_the_clock_was_set_back_is_over() -> None:
    down = failed(FailureKind.AUTH, 1)

    assert down.is_open(NOW)
    assert not down.is_open(NOW - 3_600_000)


def test_during_a_probe_the_breaker_is_open() -> None:
    half_open = replace(failed(FailureKind.AUTH, 1), open_until_ms=NOW)

    assert not half_open.is_open(NOW)
    assert probing(half_open, NOW).is_open(NOW + PROBE_MS - 1)
    assert not probing(half_open, NOW).needs_operator(NOW)
    assert not probing(half_open, NOW).is_open(NOW + PROBE_MS)


@pytest.mark.parametrize("kind", [FailureKind.AUTH, FailureKind.MODEL_UNAVAILABLE])
def test_an_unconfirmed_uncertain_failure_counts_as_a_soft_one(kind: FailureKind) -> None:
    once = after_failure(CLOSED, kind, "no", NOW, NOW, confirmed=False)
    breaker = once
    for _ in range(TRIP_AT - 1):
        breaker = after_failure(breaker, kind, "no", NOW, NOW, confirmed=False)

    assert not once.is_open(NOW)
    assert breaker.is_open(NOW)
    assert not breaker.needs_operator(NOW)


def test_a_probe_that_meets_the_hard_failure_again_needs_no_new_confirmation() -> None:
    opened = failed(FailureKind.AUTH, 1)

    again = after_failure(opened, FailureKind.AUTH, "no", NOW, NOW, confirmed=False)

    assert again.needs_operator(NOW)
    assert again.open_until_ms - NOW == 120_000
