from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.domain.tasks.progress import DEFAULT_EXPECTED_MS, MAX_RUNNING_PROGRESS, expected_ms, progress, seconds_left

percents = st.integers(0, 100)
times = st.integers(0, 10**9)
guesses = st.none() | st.integers(1, 10**8)


def test_without_a_history_there_is_a_first_guess() -> None:
    assert expected_ms([]) == DEFAULT_EXPECTED_MS
    assert expected_ms([], first_guess_ms=30_000) == 30_000


@pytest.mark.parametrize(
    ("durations", "expected"), [([7], 7), ([1, 2, 90], 2), ([10, 20], 15), ([5, 1, 1, 1_000_000], 3)]
)
def test_a_run_is_expected_to_take_the_median_of_the_recent_ones(durations: list[int], expected: int) -> None:
    assert expected_ms(durations) == expected


@given(reported=percents, elapsed=times, expected=guesses)
def test_progress_stays_between_nothing_and_almost(reported: int, elapsed: int, expected: int | None) -> None:
    assert 0 <= progress(reported, elapsed, expected) <= MAX_RUNNING_PROGRESS


@given(steps=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 10_000)), max_size=30), expected=guesses)
def test_progress_only_grows_as_time_and_reports_do(steps: list[tuple[int, int]], expected: int | None) -> None:
    reported = elapsed = 0
    shown = []
    for more, later in steps:
        reported, elapsed = reported + more, elapsed + later
        shown.append(progress(reported, elapsed, expected))

    assert all(before <= after for before, after in pairwise(shown))


@pytest.mark.parametrize(
    ("share", "shown"), [(0, 0), (0.5, 50), (1, 75), (1.5, 87), (2, 93), (3, MAX_RUNNING_PROGRESS)]
)
def test_each_half_of_the_expected_time_takes_half_of_what_is_left(share: float, shown: int) -> None:
    assert progress(0, int(10_000 * share), 10_000) == shown


def test_the_vendor_s_figure_counts_where_it_is_ahead() -> None:
    assert progress(60, 1_000, 10_000) == 60
    assert progress(10, 10_000, 10_000) == 75


def test_without_an_expectation_only_the_vendor_s_figure_counts() -> None:
    assert progress(0, 5_000, None) == 0
    assert progress(33, 5_000, None) == 33


def test_a_clock_that_went_backwards_takes_nothing_away() -> None:
    assert progress(20, -5_000, 10_000) == 20


@pytest.mark.parametrize(
    ("elapsed", "expected", "seconds"),
    [(0, 8_000, 8), (1, 8_000, 8), (7_001, 8_000, 1), (8_000, 8_000, 1), (60_000, 8_000, 1), (0, 0, 1), (0, None, 4)],
)
def test_the_time_left_is_in_whole_seconds_and_never_none(elapsed: int, expected: int | None, seconds: int) -> None:
    assert seconds_left(elapsed, expected) == seconds
