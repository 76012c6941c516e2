"""Warnings that much of a budget is spent: a webhook message and a line in the log, once in the budget's period."""

from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from limner.application.webhooks.outbox import enqueue_account_event
from limner.db.records import Records
from limner.domain.accounts.budgets import Budget, BudgetPeriod, PeriodNumbers, periods_of
from limner.domain.ids import AccountId, KeyId
from limner.domain.webhook import EventType

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BudgetOwner:
    """An account, or one of its keys."""

    account: AccountId
    key: KeyId | None = None

    @property
    def kind(self) -> str:
        return "account" if self.key is None else "key"


@dataclass(frozen=True, slots=True)
class BudgetWarning:
    """`percent` of a budget is spent, or was refused."""

    owner: BudgetOwner
    budget: Budget
    percent: int


def warn_of_budgets(
    records: Records, owner: BudgetOwner, budgets: Iterable[Budget], now_ms: int
) -> list[BudgetWarning]:
    """Enqueue the messages that are due; returns what is to be logged once the unit of work is committed."""
    due = [BudgetWarning(owner, budget, percent) for budget in budgets if (percent := budget.due_warning()) is not None]
    for warning in due:
        _announce(records, warning, now_ms)
    return due


def warn_of_refusal(records: Records, owner: BudgetOwner, period: BudgetPeriod, now_ms: int) -> list[BudgetWarning]:
    """The warning for a budget that refused a task, whether or not all of it is spent."""
    periods = periods_of(now_ms)
    table = records.keys.budgets(owner.key, periods) if owner.key else records.accounts.budgets(owner.account, periods)
    due = [BudgetWarning(owner, each, 100) for each in table if each.period is period and each.warned < 100]
    for warning in due:
        _announce(records, warning, now_ms)
    return due


def log_warnings(warnings: Iterable[BudgetWarning]) -> None:
    for each in warnings:
        log.warning(
            "much of a budget is spent" if each.percent < 100 else "budget spent",
            account=each.owner.account,
            key=each.owner.key,
            period=each.budget.period,
            percent=each.percent,
            spent=each.budget.spent,
            budget=each.budget.most,
        )


def _announce(records: Records, warning: BudgetWarning, now_ms: int) -> None:
    owner, budget = warning.owner, warning.budget
    if owner.key:
        records.keys.set_warned(owner.key, budget.period, warning.percent)
    else:
        records.accounts.set_warned(owner.account, budget.period, warning.percent)
    detail = {
        "of": owner.kind,
        **({"key_id": owner.key} if owner.key else {}),
        "period": budget.period,
        "percent": warning.percent,
        "spent": budget.spent,
        "limit": budget.most,
    }
    about = _about(warning, periods_of(now_ms))
    enqueue_account_event(records, owner.account, EventType.BUDGET, {"budget": detail}, about=about, now_ms=now_ms)


def _about(warning: BudgetWarning, periods: PeriodNumbers) -> str:
    period, owner = warning.budget.period, warning.owner
    return f"budget of {owner.key or owner.account} {period} {periods.of(period)} {warning.percent}"
