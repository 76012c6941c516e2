"""Accounts, their balance, their clock in the queue and their limits."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from limner.db.sql import Db, Sql
from limner.domain.accounts.credits import Balance, LedgerEntry
from limner.domain.accounts.key_limits import KeyLimits, KeyUsage
from limner.domain.ids import AccountId, KeyId, TaskId
from limner.ports.records import Account, Key

_ADD = Sql("INSERT INTO accounts (id, name, tag, created_ms) VALUES (:id, :name, :tag, :created_ms)")
_GET = Sql("SELECT id, name, tag, created_ms FROM accounts WHERE id = :id")
_NAMED = Sql("SELECT id, name, tag, created_ms FROM accounts WHERE name = :name")
_TAGGED = Sql("SELECT id, name, tag, created_ms FROM accounts WHERE tag = :tag")
_ALL = Sql("SELECT id, name, tag, created_ms FROM accounts ORDER BY name")
_BALANCE = Sql("SELECT available, frozen FROM accounts WHERE id = :id")

# The hold and the queue clock move in one statement: the row is locked once, and a submit costs one write less.
_TAKE_PLACE = Sql("""
    UPDATE accounts
    SET available = available - :price,
        frozen = frozen + :price,
        queue_clock = :step / weight + CASE
            WHEN queue_clock > (SELECT place FROM queue_clock WHERE id = 1) THEN queue_clock
            ELSE (SELECT place FROM queue_clock WHERE id = 1) END
    WHERE id = :id AND available >= :price
    RETURNING queue_clock - :step / weight
""")
_SET_WEIGHT = Sql("UPDATE accounts SET weight = :weight WHERE id = :account")
_WEIGHTS = Sql("SELECT id, weight FROM accounts")
_MOVE = Sql("UPDATE accounts SET available = available + :available, frozen = frozen + :frozen WHERE id = :id")

_ENTER = Sql("""
    INSERT INTO buckets (account, bucket, active) SELECT :account, :bucket, 1 WHERE :limit > 0
    ON CONFLICT (account, bucket) DO UPDATE SET active = buckets.active + 1
    WHERE buckets.active < coalesce(buckets.cap, :limit)
    RETURNING active
""")
_LEAVE = Sql("UPDATE buckets SET active = active - 1 WHERE account = :account AND bucket = :bucket")
_SET_LIMIT = Sql("""
    INSERT INTO buckets (account, bucket, active, cap) VALUES (:account, :bucket, 0, :cap)
    ON CONFLICT (account, bucket) DO UPDATE SET cap = :cap
""")


class SqlAccounts:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, account: Account) -> None:
        self._db.run(
            _ADD, {"id": account.id, "name": account.name, "tag": account.tag, "created_ms": account.created_ms}
        )

    def get(self, account: AccountId) -> Account | None:
        row = self._db.one(_GET, {"id": account})
        return Account(*row) if row else None

    def named(self, name: str) -> Account | None:
        row = self._db.one(_NAMED, {"name": name})
        return Account(*row) if row else None

    def tagged(self, tag: str) -> Account | None:
        row = self._db.one(_TAGGED, {"tag": tag})
        return Account(*row) if row else None

    def all(self) -> Sequence[Account]:
        return [Account(*row) for row in self._db.all(_ALL)]

    def balance(self, account: AccountId) -> Balance:
        available, frozen = self._db.all(_BALANCE, {"id": account})[0]
        return Balance(available, frozen)

    def take_place(self, account: AccountId, price: int, step: int) -> int | None:
        place: int | None = self._db.value(_TAKE_PLACE, {"id": account, "price": price, "step": step})
        return place

    def set_weight(self, account: AccountId, weight: int) -> None:
        self._db.run(_SET_WEIGHT, {"account": account, "weight": weight})

    def weights(self) -> Mapping[AccountId, int]:
        return {AccountId(account): weight for account, weight in self._db.all(_WEIGHTS)}

    def move(self, account: AccountId, entry: LedgerEntry) -> None:
        self._db.run(_MOVE, {"id": account, "available": entry.available, "frozen": entry.frozen})

    def enter(self, account: AccountId, bucket: str, limit: int) -> bool:
        entered = self._db.value(_ENTER, {"account": account, "bucket": bucket, "limit": limit})
        return entered is not None

    def leave(self, account: AccountId, bucket: str) -> None:
        self._db.run(_LEAVE, {"account": account, "bucket": bucket})

    def set_limit(self, account: AccountId, bucket: str, limit: int) -> None:
        self._db.run(_SET_LIMIT, {"account": account, "bucket": bucket, "cap": limit})


_KEY_COLUMNS = (
    "k.id, k.account, a.tag, k.name, k.hint, k.scopes, k.created_ms, k.revoked_ms, k.expires_ms, k.used_ms, "
    "k.most_per_second, k.most_tasks, k.most_credits_a_day, k.most_credits"
)
_KEY_ADD = Sql("""
    INSERT INTO api_keys (id, account, name, hint, digest, scopes, created_ms, expires_ms,
                          most_per_second, most_tasks, most_credits_a_day, most_credits)
    VALUES (:id, :account, :name, :hint, :digest, :scopes, :created_ms, :expires_ms,
            :per_second, :tasks, :credits_per_day, :credits)
""")
_KEY_GET = Sql(f"SELECT {_KEY_COLUMNS} FROM api_keys k JOIN accounts a ON a.id = k.account WHERE k.id = :id")
_KEY_BY_DIGEST = Sql(f"""
    SELECT {_KEY_COLUMNS} FROM api_keys k JOIN accounts a ON a.id = k.account WHERE k.digest = :digest
""")
_KEYS_OF = Sql(f"""
    SELECT {_KEY_COLUMNS} FROM api_keys k JOIN accounts a ON a.id = k.account
    WHERE k.account = :account ORDER BY k.created_ms, k.id
""")
_KEYS_VALID = Sql("""
    SELECT id FROM api_keys
    WHERE id IN :ids AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > :now_ms)
""")
_KEY_REVOKE = Sql("UPDATE api_keys SET revoked_ms = :now_ms WHERE id = :id AND revoked_ms IS NULL")
_KEY_USED = Sql("UPDATE api_keys SET used_ms = :now_ms WHERE id = :id AND coalesce(used_ms, 0) < :now_ms")
_KEY_LIMIT = Sql("""
    UPDATE api_keys SET expires_ms = :expires_ms, most_per_second = :per_second, most_tasks = :tasks,
        most_credits_a_day = :credits_per_day, most_credits = :credits
    WHERE id = :id
""")
_TODAY = "CASE WHEN day = :day THEN spent_on_day ELSE 0 END"
_KEY_CHARGE = Sql(f"""
    UPDATE api_keys
    SET active = active + 1, spent = spent + :price, spent_on_day = {_TODAY} + :price, day = :day
    WHERE id = :id
      AND (most_tasks IS NULL OR active < most_tasks)
      AND (most_credits IS NULL OR spent + :price <= most_credits)
      AND (most_credits_a_day IS NULL OR {_TODAY} + :price <= most_credits_a_day)
""")
_KEY_RELEASE = Sql("""
    UPDATE api_keys
    SET active = active - 1, spent = spent - :unspent,
        spent_on_day = spent_on_day - CASE WHEN day = :day THEN :unspent ELSE 0 END
    WHERE id = (SELECT api_key FROM tasks WHERE id = :task)
""")
_KEY_SPENDING = Sql(f"SELECT active, {_TODAY}, spent FROM api_keys WHERE id = :id")


class SqlKeys:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, key: Key, digest: bytes) -> None:
        self._db.run(
            _KEY_ADD,
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
            },
        )

    def by_digest(self, digest: bytes) -> Key | None:
        row = self._db.one(_KEY_BY_DIGEST, {"digest": digest})
        return _key(*row) if row else None

    def get(self, key: KeyId) -> Key | None:
        row = self._db.one(_KEY_GET, {"id": key})
        return _key(*row) if row else None

    def of(self, account: AccountId) -> Sequence[Key]:
        return [_key(*row) for row in self._db.all(_KEYS_OF, {"account": account})]

    def revoke(self, key: KeyId, now_ms: int) -> bool:
        return self._db.run(_KEY_REVOKE, {"id": key, "now_ms": now_ms}) == 1

    def used(self, key: KeyId, now_ms: int) -> None:
        self._db.run(_KEY_USED, {"id": key, "now_ms": now_ms})

    def limit(self, key: KeyId, allowance: KeyLimits, expires_ms: int | None) -> None:
        self._db.run(_KEY_LIMIT, {"id": key, "expires_ms": expires_ms, **asdict(allowance)})

    def charge(self, key: KeyId, price: int, day: int) -> bool:
        return self._db.run(_KEY_CHARGE, {"id": key, "price": price, "day": day}) == 1

    def release(self, task: TaskId, unspent: int, day: int) -> None:
        self._db.run(_KEY_RELEASE, {"task": task, "unspent": unspent, "day": day})

    def spending(self, key: KeyId, day: int) -> KeyUsage:
        row = self._db.one(_KEY_SPENDING, {"id": key, "day": day})
        return KeyUsage(*row) if row else KeyUsage()

    def valid(self, keys: Sequence[KeyId], now_ms: int) -> Sequence[KeyId]:
        return [KeyId(row[0]) for row in self._db.all(_KEYS_VALID, {"ids": self._db.ids(keys), "now_ms": now_ms})]


def _key(*row: Any) -> Key:
    id_, account, tag, name, hint, scopes, created_ms, revoked_ms, expires_ms, used_ms, *allowed = row
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
        allowance=KeyLimits(*allowed),
    )
