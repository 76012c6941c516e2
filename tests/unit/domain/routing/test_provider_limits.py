from hypothesis import given
from hypothesis import strategies as st

from limner.domain.routing.provider_limits import MAX_PAUSE_MS, ProviderLimits, ProviderMeter, spend_token

NOW = 1_700_000_000_000


def begun(limits: ProviderLimits, moments: list[int]) -> list[int]:
    """At which of these moments an order may begin."""
    meter, went = ProviderMeter(), []
    for moment in moments:
        turn = spend_token(limits, meter, moment)
        if isinstance(turn, ProviderMeter):
            meter = turn
            went.append(moment)
    return went


def test_without_a_rate_orders_begin_when_they_like() -> None:
    assert spend_token(ProviderLimits(concurrency=3), ProviderMeter(), NOW) == ProviderMeter()


def test_one_order_begins_in_each_interval() -> None:
    every_second = [NOW + 1000 * n for n in range(31)]

    assert begun(ProviderLimits(per_minute=6), every_second) == [NOW, NOW + 10_000, NOW + 20_000, NOW + 30_000]


def test_an_early_job_has_to_wait_this_long() -> None:
    limits = ProviderLimits(per_minute=6)
    once = spend_token(limits, ProviderMeter(), NOW)
    assert isinstance(once, ProviderMeter)

    assert spend_token(limits, once, NOW + 4000) == 6000


def test_a_clock_that_is_set_back_makes_no_job_wait_for_the_old_time() -> None:
    ahead = ProviderMeter(next_us=(NOW + 3_600_000) * 1000)

    assert spend_token(ProviderLimits(per_minute=6), ahead, NOW) == ProviderMeter(next_us=(NOW + 10_000) * 1000)


def test_a_worker_whose_clock_is_behind_obeys_the_same_limit() -> None:
    limits = ProviderLimits(per_minute=6)
    once = spend_token(limits, ProviderMeter(), NOW)
    assert isinstance(once, ProviderMeter)

    assert spend_token(limits, once, NOW - 5000) == 15_000


def test_after_a_quiet_time_a_burst_may_begin_together() -> None:
    assert begun(ProviderLimits(per_minute=6, burst=3), [NOW] * 5) == [NOW] * 3


@given(
    per_minute=st.floats(0.5, 600),
    burst=st.integers(1, 10),
    gaps=st.lists(st.integers(0, 5000), min_size=1, max_size=60),
)
def test_no_minute_begins_more_than_its_rate_and_one_burst(per_minute: float, burst: int, gaps: list[int]) -> None:
    moments = [NOW + sum(gaps[:n]) for n in range(len(gaps))]

    went = begun(ProviderLimits(per_minute=per_minute, burst=burst), moments)

    for start in went:
        assert sum(start <= each < start + 60_000 for each in went) <= per_minute + burst + 1


@given(per_minute=st.floats(0.5, 600), burst=st.integers(1, 10), early=st.integers(0, 100_000))
def test_after_that_wait_a_job_may_be_submitted(per_minute: float, burst: int, early: int) -> None:
    limits = ProviderLimits(per_minute=per_minute, burst=burst)
    turn = spend_token(limits, ProviderMeter(next_us=(NOW + early) * 1000), NOW)

    if isinstance(turn, int):
        assert isinstance(spend_token(limits, ProviderMeter(next_us=(NOW + early) * 1000), NOW + turn), ProviderMeter)


def test_a_pause_that_is_longer_than_any_is_from_before_the_clock_was_set_back() -> None:
    assert ProviderMeter(NOW + 60_000).pause_ms(NOW) == 60_000
    assert ProviderMeter(NOW - 1).pause_ms(NOW) == 0
    assert ProviderMeter(NOW + 2 * MAX_PAUSE_MS).pause_ms(NOW) == 0
