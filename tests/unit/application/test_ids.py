import re
import uuid

from hypothesis import given
from hypothesis import strategies as st

from limner.application.ids import time_ordered

NOON_MS = 1_800_000_000_000
A_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@given(st.integers(0, 2**48 - 1))
def test_it_is_a_uuid_in_lower_case_that_begins_with_its_time(now_ms: int) -> None:
    made = time_ordered(now_ms)

    assert A_UUID.fullmatch(made)
    assert (uuid.UUID(made).version, uuid.UUID(made).variant) == (7, uuid.RFC_4122)
    assert uuid.UUID(made).int >> 80 == now_ms


@given(st.integers(0, 2**46), st.integers(1, 2**46))
def test_what_is_made_later_comes_later(now_ms: int, later_ms: int) -> None:
    assert time_ordered(now_ms) < time_ordered(now_ms + later_ms)


def test_no_two_of_one_moment_are_the_same() -> None:
    assert len({time_ordered(NOON_MS) for _ in range(10_000)}) == 10_000
