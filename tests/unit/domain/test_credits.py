import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.domain.credits import Entry, Leg, Movement, closing, grant, hold, release, settle

amounts = st.integers(min_value=0, max_value=10**9)


def test_a_grant_adds_to_what_may_be_spent_and_belongs_to_no_task() -> None:
    assert grant(50) == Entry(Movement.GRANT, 50, 0, None)
    assert grant(-50).available == -50


def test_a_hold_moves_credits_from_available_to_frozen() -> None:
    assert hold(5) == Entry(Movement.HOLD, -5, 5, Leg.OPEN)


@given(held=amounts, consumed=amounts)
def test_a_passage_through_the_book_nets_to_what_was_consumed_and_leaves_nothing_frozen(
    held: int, consumed: int
) -> None:
    passage = (hold(held), closing(held, consumed))

    assert sum(entry.available for entry in passage) == -consumed
    assert sum(entry.frozen for entry in passage) == 0


@given(held=amounts)
def test_a_release_undoes_its_hold_to_the_last_credit(held: int) -> None:
    assert (release(held).available, release(held).frozen) == (-hold(held).available, -hold(held).frozen)


@pytest.mark.parametrize(
    ("consumed", "expected"),
    [
        (0, Entry(Movement.RELEASE, 10, -10, Leg.CLOSE)),
        (4, Entry(Movement.SETTLE, 6, -10, Leg.CLOSE)),
        (10, Entry(Movement.SETTLE, 0, -10, Leg.CLOSE)),
    ],
)
def test_what_was_consumed_decides_between_settlement_and_release(consumed: int, expected: Entry) -> None:
    assert closing(10, consumed) == expected


def test_every_closing_is_the_closing_leg() -> None:
    assert {settle(5, 5).leg, release(5).leg, closing(5, 0).leg} == {Leg.CLOSE}
