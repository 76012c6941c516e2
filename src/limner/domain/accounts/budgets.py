"""Budgets: the credits that an account or a key may spend in a day and in a month of UTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from limner.domain.accounts.key_limits import day_of
from limner.domain.refusal import Code, Refusal

WARNING_PERCENTS = (50, 80, 100)
"""A warning is due when so much of a budget is spent, once in its period."""


class BudgetPeriod(StrEnum):
    DAY = "day"
    MONTH = "month"


_NOW = {BudgetPeriod.DAY: "today", BudgetPeriod.MONTH: "this month"}
_RENEWED = {BudgetPeriod.DAY: "at midnight UTC", BudgetPeriod.MONTH: "on the first of the next month, UTC"}


@dataclass(frozen=True, slots=True)
class PeriodNumbers:
    """The day of a time, counted from 1970, and its month, counted from the year 0."""

    day: int
    month: int

    def of(self, period: BudgetPeriod) -> int:
        return self.day if period is BudgetPeriod.DAY else self.month


def periods_of(at_ms: int) -> PeriodNumbers:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return PeriodNumbers(day_of(at_ms), at.year * 12 + at.month - 1)


@dataclass(frozen=True, slots=True)
class Budget:
    """The budget of one period: `most` credits may be spent, None is no limit; `warned` percent were announced."""

    period: BudgetPeriod
    spent: int
    most: int | None
    warned: int

    @property
    def left(self) -> int | None:
        return None if self.most is None else max(0, self.most - self.spent)

    def has_room(self, price: int) -> bool:
        return self.most is None or self.spent + price <= self.most

    def due_warning(self) -> int | None:
        """The highest percentage that is reached and was not announced; None where there is none."""
        most = self.most or 0
        reached = max((each for each in WARNING_PERCENTS if most and self.spent * 100 >= each * most), default=0)
        return reached if reached > self.warned else None


def budgets_from(columns: Sequence[int | None]) -> tuple[Budget, ...]:
    """The budgets of a day and a month, from their stored figures: spent, most, warned, of each."""
    day, month = columns[:3], columns[3:6]
    return tuple(
        Budget(period, spent or 0, most, warned or 0)
        for period, (spent, most, warned) in ((BudgetPeriod.DAY, day), (BudgetPeriod.MONTH, month))
    )


class BudgetSpent(Refusal):
    """A task costs more than is left of a budget. `whose` is `account` or `key`."""

    def __init__(self, whose: str, budget: Budget, price: int) -> None:
        super().__init__(
            Code.NO_CREDIT,
            f"the task costs {price} credits, and the {whose} may spend {budget.left} more {_NOW[budget.period]}",
            suggestion=f"The budget of the {whose} is {budget.most} credits a {budget.period}. It begins anew "
            f"{_RENEWED[budget.period]}; ask the operator for more.",
        )
        self.whose = whose
        self.budget = budget
