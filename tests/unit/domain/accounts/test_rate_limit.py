from hypothesis import given
from hypothesis import strategies as st

from limner.domain.accounts.rate_limit import RateLimit, RateLimitResult, take

FIVE = RateLimit(5, 10)


def spend(quota: RateLimit, times: list[int]) -> list[RateLimitResult]:
    """Take one at each of these times, in milliseconds."""
    levels, full_at_us = [], 0
    for now_ms in times:
        level, full_at_us = take(quota, full_at_us, now_ms)
        levels.append(level)
    return levels


def test_after_a_pause_all_may_be_taken_at_once_and_no_more() -> None:
    levels = spend(FIVE, [1_000_000] * 6)

    assert [level.granted for level in levels] == [True] * 5 + [False]
    assert [level.left for level in levels] == [4, 3, 2, 1, 0, 0]


def test_who_has_taken_all_is_reported_when_there_is_one_more() -> None:
    levels = spend(FIVE, [1_000_000] * 5 + [1_000_500, 1_001_999, 1_002_000])

    assert [(level.granted, level.more_in_s) for level in levels[5:]] == [(False, 2), (False, 1), (True, 2)]


def test_a_refusal_costs_nothing() -> None:
    levels = spend(FIVE, [0] * 5 + [1_000] * 50 + [2_000])

    assert levels[-1].granted


def test_a_clock_that_is_set_back_keeps_nobody_out_for_longer() -> None:
    levels = spend(FIVE, [9_000_000] * 5 + [1_000_000, 1_002_000])

    assert [level.granted for level in levels[5:]] == [False, True]


def test_a_time_is_never_reported_as_no_wait_at_all() -> None:
    levels = spend(RateLimit(1000), [0] * 1001)

    assert levels[-1] == RateLimitResult(granted=False, left=0, more_in_s=1)


@given(
    st.integers(1, 50),
    st.integers(1, 100),
    st.lists(st.integers(0, 5_000), min_size=1, max_size=200),
)
def test_no_window_ever_holds_twice_the_amount(amount: int, window_s: int, pauses: list[int]) -> None:
    times = [sum(pauses[: at + 1]) for at in range(len(pauses))]
    granted = [at for at, level in zip(times, spend(RateLimit(amount, window_s), times), strict=True) if level.granted]

    within = [sum(start <= at < start + window_s * 1000 for at in granted) for start in granted]
    assert granted
    assert max(within) <= 2 * amount


@given(st.integers(1, 20), st.integers(1, 10), st.lists(st.integers(0, 3_000), min_size=1, max_size=100))
def test_what_is_said_to_be_left_can_be_taken(amount: int, window_s: int, pauses: list[int]) -> None:
    quota, now_ms, full_at_us = RateLimit(amount, window_s), 0, 0
    for pause in pauses:
        now_ms += pause
        level, full_at_us = take(quota, full_at_us, now_ms)
    rest = full_at_us
    for _ in range(level.left):
        more, rest = take(quota, rest, now_ms)
        assert more.granted

    assert not take(quota, rest, now_ms)[0].granted
    assert take(quota, rest, now_ms + level.more_in_s * 1000)[0].granted
