"""Charging a task that is about to be accepted: its price is held, and counted for its account and its key."""

from limner.application.budgets.budget_warnings import BudgetOwner, BudgetWarning, warn_of_budgets
from limner.db.records import Records
from limner.db.tables.tasks import NewTask
from limner.domain.accounts.budgets import Budget, BudgetSpent, periods_of
from limner.domain.accounts.key_limits import UNLIMITED, exhausted
from limner.domain.ids import KeyId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks import fair_queue


def charge(records: Records, task: NewTask) -> tuple[int, list[BudgetWarning]]:
    """Hold the price; returns the task's place in the queue, and the warnings that are to be logged.

    Raises `Refusal` for lack of credit, of room in a budget, or for another limit of the key.
    """
    periods = periods_of(task.created_ms)
    step = fair_queue.step(task.priority) * task.spec.n
    held = records.accounts.hold_credits_and_place(task.account, task.price, step, periods)
    if held is None:
        raise _refused_by_account(records, task)
    warnings = warn_of_budgets(records, BudgetOwner(task.account), held.budgets, task.created_ms)
    if task.key:
        budgets = records.keys.charge(task.key, task.price, periods)
        if budgets is None:
            raise _refused_by_key(records, task, task.key)
        warnings += warn_of_budgets(records, BudgetOwner(task.account, task.key), budgets, task.created_ms)
    return held.place, warnings


def _refused_by_account(records: Records, task: NewTask) -> Refusal:
    available = records.accounts.balance(task.account).available
    spent = _without_room(records.accounts.budgets(task.account, periods_of(task.created_ms)), task.price)
    if available >= task.price and spent:
        return BudgetSpent("account", spent, task.price)
    return _not_enough(task.price, f"{available} are left")


def _refused_by_key(records: Records, task: NewTask, key_id: KeyId) -> Refusal:
    periods = periods_of(task.created_ms)
    key, usage = records.keys.get(key_id), records.keys.usage(key_id, periods.day)
    spent = _without_room(records.keys.budgets(key_id, periods), task.price)
    if refusal := exhausted(key.allowance if key else UNLIMITED, usage, task.price):
        return refusal
    # Without either, a task that ended just now made room.
    return BudgetSpent("key", spent, task.price) if spent else _not_enough(task.price, "the key has less left")


def _not_enough(price: int, left: str) -> Refusal:
    return Refusal(
        Code.NO_CREDIT,
        f"the task costs {price} credits, {left}",
        suggestion=f"The task costs {price} credits and {left}: ask the operator for more.",
    )


def _without_room(budgets: tuple[Budget, ...], price: int) -> Budget | None:
    return next((each for each in budgets if not each.has_room(price)), None)
