"""What an account did with its credits over a number of days."""

from collections.abc import Sequence
from dataclasses import dataclass

from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.keys import Key
from limner.db.tables.ledger import LedgerRow
from limner.db.tables.studio.account_figures import SharedUse
from limner.domain.accounts.budgets import Budget, periods_of
from limner.domain.accounts.credits import Balance
from limner.domain.accounts.key_limits import DAY_MS, KeyUsage, day_of
from limner.domain.ids import AccountId
from limner.ports.clock import Clock

LEDGER_ROWS = 50


@dataclass(frozen=True, slots=True)
class DayBalance:
    """The credits to spend at the end of one UTC day, counted from 1970, and what was granted on it."""

    day: int
    credits: int
    granted: int


@dataclass(frozen=True, slots=True)
class AccountReport:
    name: str
    balance: Balance
    days: Sequence[DayBalance]
    spent: int
    spent_before: int
    """In the period of the same length before this one."""
    by_model: Sequence[SharedUse]
    by_template: Sequence[SharedUse]
    by_key: Sequence[SharedUse]
    """By the id of the key."""
    under_way: int
    budgets: Sequence[Budget]
    pictures: int
    unsuccessful: int
    keys: Sequence[tuple[Key, KeyUsage]]
    ledger: Sequence[LedgerRow]


@dataclass(frozen=True, slots=True)
class ReportAccount:
    store: Store
    clock: Clock

    async def __call__(self, account: AccountId, days: int) -> AccountReport:
        now_ms = self.clock.now_ms()
        return await self.store.read(lambda records: _report(records, account, now_ms, days))


def _report(records: Records, account: AccountId, now_ms: int, days: int) -> AccountReport:
    today = day_of(now_ms)
    since_ms = (today - days + 1) * DAY_MS
    found, balance = records.accounts.get(account), records.accounts.balance(account)
    by_model = records.account_figures.by_model(account, since_ms)
    return AccountReport(
        name=found.name if found else "",
        balance=balance,
        days=_balances(records, account, balance.available, since_ms, today),
        spent=sum(each.credits for each in by_model),
        spent_before=records.account_figures.spent(account, since_ms - days * DAY_MS, since_ms),
        by_model=by_model,
        by_template=records.account_figures.by_template(account, since_ms),
        by_key=records.account_figures.by_key(account, since_ms),
        under_way=records.account_figures.under_way(account),
        budgets=records.accounts.budgets(account, periods_of(now_ms)),
        pictures=sum(each.succeeded for each in by_model),
        unsuccessful=records.account_figures.unsuccessful(account, since_ms),
        keys=[(key, records.keys.usage(key.id, today)) for key in records.keys.of(account)],
        ledger=records.ledger.of(account, LEDGER_ROWS),
    )


def _balances(records: Records, account: AccountId, available: int, since_ms: int, today: int) -> Sequence[DayBalance]:
    """From today backwards: a day ends with what the next one began with."""
    changes = {each.day: each for each in records.account_figures.credits_by_day(account, since_ms)}
    days, credits_ = [], available
    for day in range(today, day_of(since_ms) - 1, -1):
        change = changes.get(day)
        days.append(DayBalance(day, credits_, change.granted if change else 0))
        credits_ -= change.change if change else 0
    return days[::-1]
