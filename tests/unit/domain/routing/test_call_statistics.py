"""Figures over the recent calls of a route."""

import pytest

from limner.domain.routing.call_statistics import (
    ClosedCall,
    Drift,
    Outlook,
    drifts,
    outlook,
    percentile,
    statistics_of,
)

NOTHING = statistics_of([])


def calls(
    count: int, outcome: str = "picture", *, latency_ms: int = 1_000, cost: float | None = None
) -> list[ClosedCall]:
    return [ClosedCall(outcome, latency_ms, cost, number) for number in range(count)]


def test_percentiles_are_values_that_occurred() -> None:
    values = list(range(1, 101))

    assert (percentile(values, 0.5), percentile(values, 0.95), percentile(values, 1.0)) == (50, 95, 100)
    assert (percentile([7], 0.5), percentile([7], 0.95), percentile([], 0.5)) == (7, 7, None)
    assert percentile([1, 2], 0.5) == 1


def test_failures_are_counted_by_kind_and_percentiles_are_of_pictures() -> None:
    found = statistics_of(
        [*calls(3, latency_ms=4_000), *calls(2, "timeout", latency_ms=90_000), *calls(1, "bad_input")]
    )

    assert (found.calls, found.pictures, found.failures) == (6, 3, {"timeout": 2, "bad_input": 1})
    assert (found.p50_ms, found.p95_ms, found.last_picture_ms) == (4_000, 4_000, 2)
    assert found.route_failures == 2


@pytest.mark.parametrize(
    ("hour", "day", "expected"),
    [
        ([], [], Outlook.UNKNOWN),
        (calls(1), calls(1), Outlook.GOOD),
        (calls(10), calls(100), Outlook.GOOD),
        (calls(5, latency_ms=2_001), calls(100), Outlook.SLOW),
        (calls(4, latency_ms=9_000), calls(100), Outlook.GOOD),
        (calls(8) + calls(3, "transient"), calls(100), Outlook.FAILING),
        (calls(8) + calls(2, "transient"), calls(100), Outlook.GOOD),
        (calls(1) + calls(9, "content_policy"), calls(100), Outlook.GOOD),
        ([], calls(1) + calls(9, "timeout"), Outlook.FAILING),
    ],
)
def test_the_outlook_compares_the_hour_with_the_day(
    hour: list[ClosedCall], day: list[ClosedCall], expected: Outlook
) -> None:
    assert outlook(statistics_of(hour), statistics_of(day)) is expected


@pytest.mark.parametrize(
    ("recent", "before", "price_usd", "expected"),
    [
        (calls(5, cost=0.04), calls(5, cost=0.04), 0.04, []),
        (calls(5, cost=0.07), calls(5, cost=0.04), 0.04, [Drift.PRICE]),
        (calls(5, cost=0.01), calls(5, cost=0.04), 0.04, [Drift.PRICE]),
        (calls(4, cost=0.07), calls(5, cost=0.04), 0.04, []),
        (calls(5, cost=0.07), [], 0.04, [Drift.PRICE]),
        (calls(5, cost=0.07), [], None, []),
        (calls(5), calls(5), 0.04, []),
        (calls(4) + calls(2, "bad_output"), calls(50), None, [Drift.ANSWERS]),
        (calls(4) + calls(2, "bad_output"), calls(4) + calls(2, "no_image"), None, []),
        (calls(4) + calls(2, "timeout"), calls(50), None, []),
    ],
)
def test_a_change_of_price_or_of_answers_is_noticed(
    recent: list[ClosedCall], before: list[ClosedCall], price_usd: float | None, expected: list[Drift]
) -> None:
    assert drifts(recent, before, price_usd) == expected


def test_no_calls_have_no_figures() -> None:
    assert (NOTHING.calls, NOTHING.p50_ms, NOTHING.failures, NOTHING.last_picture_ms) == (0, None, {}, None)
