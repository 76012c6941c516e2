import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.domain.accounts.credits import LedgerEntry, MovementType, TaskEntry, closing, grant, hold, release, settle

amounts = st.integers(min_value=0, max_value=10**9)


def test_a_grant_adds_to_what_may_be_spent_and_belongs_to_no_task() -> None:
    assert grant(50) == LedgerEntry(MovementType.GRANT, 50, 0, None)
    assert grant(-50).available == -50


def test_a_hold_moves_credits_from_available_to_frozen() -> None:
    assert hold(5) == LedgerEntry(MovementType.HOLD, -5, 5, TaskEntry.OPEN)


@given(held=amounts, consumed=amounts)
def test_hold_and_closing_entry_add_up_to_what_was_consumed_and_leave_nothing_frozen(held: int, consumed: int) -> None:
    passage = (hold(held), closing(held, consumed))

    assert sum(entry.available for entry in passage) == -consumed
    assert sum(entry.frozen for entry in passage) == 0


@given(held=amounts)
def test_a_release_undoes_its_hold_to_the_last_credit(held: int) -> None:
    assert (release(held).available, release(held).frozen) == (-hold(held).available, -hold(held).frozen)


@pytest.mark.parametrize(
    ("consumed", "expected"),
    [
        (0, LedgerEntry(MovementType.RELEASE, 10, -10, TaskEntry.CLOSE)),
        (4, LedgerEntry(MovementType.SETTLE, 6, -10, TaskEntry.CLOSE)),
        (10, LedgerEntry(MovementType.SETTLE, 0, -10, TaskEntry.CLOSE)),
    ],
)
def test_what_was_consumed_decides_between_settlement_and_release(consumed: int, expected: LedgerEntry) -> None:
    assert closing(10, consumed) == expected


def test_every_closing_is_the_closing_leg() -> None:
    assert {settle(5, 5).leg, release(5).leg, closing(5, 0).leg} == {TaskEntry.CLOSE}
