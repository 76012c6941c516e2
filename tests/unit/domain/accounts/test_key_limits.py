import pytest

from limner.domain.accounts.budgets import Budget, BudgetPeriod, BudgetSpent
from limner.domain.accounts.key_limits import KeyLimits, KeyUsage, day_of, exhausted
from limner.domain.refusal import Code


def test_a_key_with_as_many_tasks_as_it_may_is_reported_when_to_come_back() -> None:
    refusal = exhausted(KeyLimits(tasks=2), KeyUsage(tasks=2), 5)

    assert refusal
    assert refusal.code is Code.TOO_MANY_TASKS
    assert refusal.retry_after_s == 5
    assert "may have 2" in refusal.reason


@pytest.mark.parametrize(
    ("allowance", "words"),
    [
        (KeyLimits(credits=20), "may spend 3 more in all"),
        (KeyLimits(credits=20, credits_per_day=9), "may spend 3 more in all"),
    ],
)
def test_a_key_without_the_credits_is_reported_what_is_left(allowance: KeyLimits, words: str) -> None:
    refusal = exhausted(allowance, KeyUsage(credits=17, credits_today=7), 5)

    assert refusal
    assert refusal.code is Code.NO_CREDIT
    assert words in refusal.reason
    assert refusal.retry_after_s is None


def test_a_limit_below_what_is_spent_leaves_nothing_not_less() -> None:
    refusal = exhausted(KeyLimits(credits=5), KeyUsage(credits=50), 5)

    assert refusal
    assert "may spend 0 more" in refusal.reason


def test_the_credits_of_a_day_are_a_matter_of_budgets() -> None:
    assert exhausted(KeyLimits(credits_per_day=9), KeyUsage(credits_today=7), 5) is None
    assert BudgetSpent("key", Budget(BudgetPeriod.DAY, 7, 9, 0), 5).reason.endswith("the key may spend 2 more today")


def test_a_day_is_one_of_utc() -> None:
    midnight_ms = 20_000 * 86_400_000

    assert [day_of(midnight_ms - 1), day_of(midnight_ms)] == [19_999, 20_000]
