import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.domain.routing.backoff import full_jitter_s


@pytest.mark.parametrize(("attempt", "most_s"), [(0, 0.5), (1, 1), (2, 2), (5, 16), (6, 30), (60, 30)])
def test_the_longest_wait_doubles_up_to_the_cap(attempt: int, most_s: float) -> None:
    assert full_jitter_s(attempt, 1.0) == most_s


@given(attempt=st.integers(0, 100), chance=st.floats(0, 1))
def test_a_wait_is_that_share_of_the_longest(attempt: int, chance: float) -> None:
    assert full_jitter_s(attempt, chance) == chance * full_jitter_s(attempt, 1.0)
    assert 0 <= full_jitter_s(attempt, chance) <= 30


def test_base_and_cap_can_be_chosen() -> None:
    assert full_jitter_s(3, 1.0, base_s=0.1, cap_s=60) == pytest.approx(0.8)
    assert full_jitter_s(3, 1.0, base_s=0.1, cap_s=0.2) == 0.2
