"""API keys and their limits."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from limner.db.budget_columns import (
    BUDGETS,
    CHARGE_BUDGETS,
    CHARGED_BUDGETS,
    RETURN_TO_BUDGETS,
    TODAY,
    WITHIN_BUDGETS,
)
from limner.db.sql import Db, Sql
from limner.domain.accounts.budgets import Budget, BudgetPeriod, PeriodNumbers, budgets_from
from limner.domain.accounts.key_limits import UNLIMITED, KeyLimits, KeyUsage
from limner.domain.ids import AccountId, KeyId, TaskId
from limner.domain.spending_rules import NO_RULES, Fallback, SpendingRules


@dataclass(frozen=True, slots=True)
class Key:
    id: KeyId
    account: AccountId
    account_tag: str
    name: str
    hint: str
    """The first characters of the key, by which its owner recognises it."""
    scopes: tuple[str, ...]
    created_ms: int
    revoked_ms: int | None
    expires_ms: int | None = None
    used_ms: int | None = None
    """When it was last used, precise to ten minutes."""
    allowance: KeyLimits = UNLIMITED
    rules: SpendingRules = NO_RULES
    account_rules: SpendingRules = NO_RULES

    def in_force(self, now_ms: int) -> bool:
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)


_COLUMNS = (
    "k.id, k.account, a.tag, k.name, k.hint, k.scopes, k.created_ms, k.revoked_ms, k.expires_ms, k.used_ms, "
    "k.most_per_second, k.most_tasks, k.most_credits_a_day, k.most_credits, k.most_credits_a_month, "
    "k.max_vendor_usd, k.fallback, a.max_vendor_usd, a.fallback"
)
_CHOSEN_MODEL = Sql("SELECT chosen_model FROM api_keys WHERE id = :id")
_CHOOSE_MODEL = Sql("UPDATE api_keys SET chosen_model = :model WHERE id = :id")
_ADD = Sql("""
    INSERT INTO api_keys (id, account, name, hint, digest, scopes, created_ms, expires_ms,
                          most_per_second, most_tasks, most_credits_a_day, most_credits, most_credits_a_month,
                          max_vendor_usd, fallback)
    VALUES (:id, :account, :name, :hint, :digest, :scopes, :created_ms, :expires_ms,
            :per_second, :tasks, :credits_per_day, :credits, :credits_per_month, :max_vendor_usd, :fallback)
""")
_GET = Sql(f"SELECT {_COLUMNS} FROM api_keys k JOIN accounts a ON a.id = k.account WHERE k.id = :id")
_BY_DIGEST = Sql(f"""
    SELECT {_COLUMNS} FROM api_keys k JOIN accounts a ON a.id = k.account WHERE k.digest = :digest
""")
_OF = Sql(f"""
    SELECT {_COLUMNS} FROM api_keys k JOIN accounts a ON a.id = k.account
    WHERE k.account = :account ORDER BY k.created_ms, k.id
""")
_MAKER = Sql("SELECT k.name FROM tasks t JOIN api_keys k ON k.id = t.api_key WHERE t.id = :task")
_VALID = Sql("""
    SELECT id FROM api_keys
    WHERE id IN :ids AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > :now_ms)
""")
_REVOKE = Sql("UPDATE api_keys SET revoked_ms = :now_ms WHERE id = :id AND revoked_ms IS NULL")
_USED = Sql("UPDATE api_keys SET used_ms = :now_ms WHERE id = :id AND coalesce(used_ms, 0) < :now_ms")
_LIMIT = Sql("""
    UPDATE api_keys SET expires_ms = :expires_ms, most_per_second = :per_second, most_tasks = :tasks,
        most_credits_a_day = :credits_per_day, most_credits = :credits, most_credits_a_month = :credits_per_month,
        max_vendor_usd = :max_vendor_usd, fallback = :fallback
    WHERE id = :id
""")
_CHARGE = Sql(f"""
    UPDATE api_keys
    SET active = active + 1, spent = spent + :price, {CHARGE_BUDGETS}
    WHERE id = :id
      AND (most_tasks IS NULL OR active < most_tasks)
      AND (most_credits IS NULL OR spent + :price <= most_credits)
      AND {WITHIN_BUDGETS}
    RETURNING {CHARGED_BUDGETS}
""")
_RELEASE = Sql(f"""
    UPDATE api_keys
    SET active = active - 1, spent = spent - :unspent, {RETURN_TO_BUDGETS}
    WHERE id = (SELECT api_key FROM tasks WHERE id = :task)
""")
_SPENDING = Sql(f"SELECT active, {TODAY}, spent FROM api_keys WHERE id = :id")
_BUDGETS = Sql(f"SELECT {BUDGETS} FROM api_keys WHERE id = :id")
_SET_WARNED = {period: Sql(f"UPDATE api_keys SET {period}_warned = :percent WHERE id = :id") for period in BudgetPeriod}


class KeyTable:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, key: Key, digest: bytes) -> None:
        self._db.run(
            _ADD,
            {
                "id": key.id,
                "account": key.account,
                "name": key.name,
                "hint": key.hint,
                "digest": digest,
                "scopes": " ".join(key.scopes),
                "created_ms": key.created_ms,
                "expires_ms": key.expires_ms,
                **asdict(key.allowance),
                **asdict(key.rules),
            },
        )

    def by_digest(self, digest: bytes) -> Key | None:
        row = self._db.one(_BY_DIGEST, {"digest": digest})
        return _key(*row) if row else None

    def get(self, key: KeyId) -> Key | None:
        row = self._db.one(_GET, {"id": key})
        return _key(*row) if row else None

    def of(self, account: AccountId) -> Sequence[Key]:
        return [_key(*row) for row in self._db.all(_OF, {"account": account})]

    def name_of_maker(self, task: TaskId) -> str:
        """The name of the key that created the task; empty if none did."""
        row = self._db.one(_MAKER, {"task": task})
        return str(row[0]) if row else ""

    def revoke(self, key: KeyId, now_ms: int) -> bool:
        return self._db.run(_REVOKE, {"id": key, "now_ms": now_ms}) == 1

    def mark_used(self, key: KeyId, now_ms: int) -> None:
        self._db.run(_USED, {"id": key, "now_ms": now_ms})

    def chosen_model(self, key: KeyId) -> str | None:
        """The model that the key has chosen for calls that name none."""
        model: str | None = self._db.value(_CHOSEN_MODEL, {"id": key})
        return model

    def choose_model(self, key: KeyId, model: str | None) -> None:
        self._db.run(_CHOOSE_MODEL, {"id": key, "model": model})

    def set_limits(self, key: Key) -> None:
        """Write the key's limits, rules and expiry."""
        self._db.run(_LIMIT, {"id": key.id, "expires_ms": key.expires_ms, **asdict(key.allowance), **asdict(key.rules)})

    def charge(self, key: KeyId, price: int, periods: PeriodNumbers) -> tuple[Budget, ...] | None:
        """Count a task of this price, created in these periods; returns the key's budgets as they are with it.

        None when a limit of the key forbids it.
        """
        row = self._db.one(_CHARGE, {"id": key, "price": price, "day": periods.day, "month": periods.month})
        return budgets_from(row) if row else None

    def release(self, task: TaskId, unspent: int, periods: PeriodNumbers) -> None:
        """Count the end of a task for the key that created it; `unspent` of its price was not consumed."""
        self._db.later(_RELEASE, {"task": task, "unspent": unspent, "day": periods.day, "month": periods.month})

    def budgets(self, key: KeyId, periods: PeriodNumbers) -> tuple[Budget, ...]:
        row = self._db.one(_BUDGETS, {"id": key, "day": periods.day, "month": periods.month})
        return budgets_from(row) if row else ()

    def set_warned(self, key: KeyId, period: BudgetPeriod, percent: int) -> None:
        self._db.run(_SET_WARNED[period], {"id": key, "percent": percent})

    def usage(self, key: KeyId, day: int) -> KeyUsage:
        row = self._db.one(_SPENDING, {"id": key, "day": day})
        return KeyUsage(*row) if row else KeyUsage()

    def valid(self, keys: Sequence[KeyId], now_ms: int) -> Sequence[KeyId]:
        """Those of `keys` that exist, are not revoked and have not expired."""
        return [KeyId(row[0]) for row in self._db.all(_VALID, {"ids": self._db.ids(keys), "now_ms": now_ms})]


def _key(*row: Any) -> Key:
    id_, account, tag, name, hint, scopes, created_ms, revoked_ms, expires_ms, used_ms, *limits = row
    return Key(
        id=KeyId(id_),
        account=AccountId(account),
        account_tag=tag,
        name=name,
        hint=hint,
        scopes=tuple(scopes.split()),
        created_ms=created_ms,
        revoked_ms=revoked_ms,
        expires_ms=expires_ms,
        used_ms=used_ms,
        allowance=KeyLimits(*limits[:5]),
        rules=_rules(*limits[5:7]),
        account_rules=_rules(*limits[7:9]),
    )


def _rules(max_vendor_usd: float | None, fallback: str | None) -> SpendingRules:
    return SpendingRules(max_vendor_usd, Fallback(fallback) if fallback else None)
