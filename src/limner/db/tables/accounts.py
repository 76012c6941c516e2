"""Accounts: their balance, their queue clock and their limits."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from limner.db.budget_columns import BUDGETS, CHARGE_BUDGETS, CHARGED_BUDGETS, RETURN_TO_BUDGETS, WITHIN_BUDGETS
from limner.db.sql import Db, Sql
from limner.domain.accounts.budgets import Budget, BudgetPeriod, PeriodNumbers, budgets_from
from limner.domain.accounts.credits import Balance, LedgerEntry
from limner.domain.ids import AccountId
from limner.domain.spending_rules import Fallback, SpendingRules


@dataclass(frozen=True, slots=True)
class Account:
    id: AccountId
    name: str
    tag: str
    """The account's public name in links and object keys. It does not reveal `name`."""
    created_ms: int


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """An account's budgets and its rules for vendors' prices; None is no limit."""

    credits_per_day: int | None = None
    credits_per_month: int | None = None
    max_vendor_usd: float | None = None
    fallback: Fallback | None = None

    @property
    def rules(self) -> SpendingRules:
        return SpendingRules(self.max_vendor_usd, self.fallback)


@dataclass(frozen=True, slots=True)
class HeldCredits:
    """The place in the queue of a task whose price was held, and the budgets as they are with it."""

    place: int
    budgets: tuple[Budget, ...]


_ADD = Sql("""
    INSERT INTO accounts (id, name, tag, created_ms) VALUES (:id, :name, :tag, :created_ms)
    ON CONFLICT (name) DO NOTHING RETURNING id
""")
_GET = Sql("SELECT id, name, tag, created_ms FROM accounts WHERE id = :id")
_BY_NAME = Sql("SELECT id, name, tag, created_ms FROM accounts WHERE name = :name")
_BY_TAG = Sql("SELECT id, name, tag, created_ms FROM accounts WHERE tag = :tag")
_ALL = Sql("SELECT id, name, tag, created_ms FROM accounts ORDER BY name")
_BALANCE = Sql("SELECT available, frozen FROM accounts WHERE id = :id")
_LOCK_BALANCE = Sql("SELECT available, frozen FROM accounts WHERE id = :id {locked}")

# The hold, the budgets and the queue clock move in one statement: the row is locked once, and a submit costs one write
# less.
_HOLD_CREDITS_AND_PLACE = Sql(f"""
    UPDATE accounts
    SET available = available - :price,
        frozen = frozen + :price,
        {CHARGE_BUDGETS},
        queue_clock = :step / weight + CASE
            WHEN queue_clock > (SELECT place FROM queue_clock WHERE id = 1) THEN queue_clock
            ELSE (SELECT place FROM queue_clock WHERE id = 1) END
    WHERE id = :id AND available >= :price AND {WITHIN_BUDGETS}
    RETURNING queue_clock - :step / weight, {CHARGED_BUDGETS}
""")
_SET_WEIGHT = Sql("UPDATE accounts SET weight = :weight WHERE id = :account")
_WEIGHTS = Sql("SELECT id, weight FROM accounts")
_APPLY = Sql("UPDATE accounts SET available = available + :available, frozen = frozen + :frozen WHERE id = :id")
_CLOSE = Sql(f"""
    UPDATE accounts SET available = available + :available, frozen = frozen + :frozen, {RETURN_TO_BUDGETS}
    WHERE id = :id
""")
_BUDGETS = Sql(f"SELECT {BUDGETS} FROM accounts WHERE id = :id")
_SET_WARNED = {period: Sql(f"UPDATE accounts SET {period}_warned = :percent WHERE id = :id") for period in BudgetPeriod}
_LIMITS = Sql("SELECT most_credits_a_day, most_credits_a_month, max_vendor_usd, fallback FROM accounts WHERE id = :id")
_SET_LIMITS = Sql("""
    UPDATE accounts SET most_credits_a_day = :credits_per_day, most_credits_a_month = :credits_per_month,
        max_vendor_usd = :max_vendor_usd, fallback = :fallback
    WHERE id = :id
""")

_ACQUIRE_SLOT = Sql("""
    INSERT INTO buckets (account, bucket, active) SELECT :account, :bucket, 1 WHERE :limit > 0
    ON CONFLICT (account, bucket) DO UPDATE SET active = buckets.active + 1
    WHERE buckets.active < coalesce(buckets.cap, :limit)
    RETURNING active
""")
_RELEASE_SLOT = Sql("UPDATE buckets SET active = active - 1 WHERE account = :account AND bucket = :bucket")
_SET_SLOTS = Sql("""
    INSERT INTO buckets (account, bucket, active, cap) VALUES (:account, :bucket, 0, :cap)
    ON CONFLICT (account, bucket) DO UPDATE SET cap = :cap
""")


class AccountTable:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, account: Account) -> bool:
        """Whether its name was free; nothing is written when it was not."""
        return self._db.one(_ADD, asdict(account)) is not None

    def get(self, account: AccountId) -> Account | None:
        return self._one(_GET, id=account)

    def by_name(self, name: str) -> Account | None:
        return self._one(_BY_NAME, name=name)

    def by_tag(self, tag: str) -> Account | None:
        return self._one(_BY_TAG, tag=tag)

    def all(self) -> Sequence[Account]:
        return [_account(row) for row in self._db.all(_ALL)]

    def _one(self, statement: Sql, **values: str) -> Account | None:
        row = self._db.one(statement, values)
        return _account(row) if row else None

    def balance(self, account: AccountId) -> Balance:
        [(available, frozen)] = self._db.all(_BALANCE, {"id": account})
        return Balance(available=available, frozen=frozen)

    def lock_balance(self, account: AccountId) -> Balance:
        """The balance, which nothing else changes before this unit of work is committed."""
        [(available, frozen)] = self._db.all(_LOCK_BALANCE, {"id": account})
        return Balance(available=available, frozen=frozen)

    def hold_credits_and_place(
        self, account: AccountId, price: int, step: int, periods: PeriodNumbers
    ) -> HeldCredits | None:
        """Hold `price`, count it in the budgets and advance the account's queue clock.

        None for lack of credit, or of room in a budget.
        """
        values = {"id": account, "price": price, "step": step, "day": periods.day, "month": periods.month}
        row = self._db.one(_HOLD_CREDITS_AND_PLACE, values)
        return HeldCredits(row[0], budgets_from(row[1:])) if row else None

    def close(self, account: AccountId, entry: LedgerEntry, unspent: int, periods: PeriodNumbers) -> None:
        """Apply the entry that closes a task of these periods; `unspent` of its price returns to the budgets."""
        amounts = {"available": entry.available, "frozen": entry.frozen, "unspent": unspent}
        self._db.later(_CLOSE, amounts | {"id": account, "day": periods.day, "month": periods.month})

    def budgets(self, account: AccountId, periods: PeriodNumbers) -> tuple[Budget, ...]:
        row = self._db.one(_BUDGETS, {"id": account, "day": periods.day, "month": periods.month})
        return budgets_from(row) if row else ()

    def set_warned(self, account: AccountId, period: BudgetPeriod, percent: int) -> None:
        self._db.run(_SET_WARNED[period], {"id": account, "percent": percent})

    def limits(self, account: AccountId) -> AccountLimits:
        [(day, month, cap, fallback)] = self._db.all(_LIMITS, {"id": account})
        return AccountLimits(day, month, cap, Fallback(fallback) if fallback else None)

    def set_limits(self, account: AccountId, limits: AccountLimits) -> None:
        self._db.run(_SET_LIMITS, {"id": account, **asdict(limits)})

    def set_weight(self, account: AccountId, weight: int) -> None:
        """Serve the account's tasks `weight` times as often as those of an account of weight 1."""
        self._db.run(_SET_WEIGHT, {"account": account, "weight": weight})

    def weights(self) -> Mapping[AccountId, int]:
        return {AccountId(account): weight for account, weight in self._db.all(_WEIGHTS)}

    def apply(self, account: AccountId, entry: LedgerEntry) -> None:
        """Apply an entry's amounts to the balance. `LedgerTable.append` writes the entry itself."""
        self._db.run(_APPLY, {"id": account, "available": entry.available, "frozen": entry.frozen})

    def acquire_slot(self, account: AccountId, group: str, limit: int) -> bool:
        """Count one more unfinished task. False when the account's own limit, or else `limit`, is reached."""
        active = self._db.value(_ACQUIRE_SLOT, {"account": account, "bucket": group, "limit": limit})
        return active is not None

    def release_slot(self, account: AccountId, group: str) -> None:
        self._db.later(_RELEASE_SLOT, {"account": account, "bucket": group})

    def set_slots(self, account: AccountId, group: str, limit: int) -> None:
        self._db.run(_SET_SLOTS, {"account": account, "bucket": group, "cap": limit})


def _account(row: Sequence[Any]) -> Account:
    id_, name, tag, created_ms = row
    return Account(id=AccountId(id_), name=name, tag=tag, created_ms=created_ms)
