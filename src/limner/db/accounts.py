"""Accounts, their balance, their clock in the queue and their limits."""

from collections.abc import Sequence

from limner.db.sql import Db, Sql
from limner.domain.credits import Balance, Entry
from limner.domain.ids import AccountId, KeyId
from limner.ports.records import Account, Key

_ADD = Sql("INSERT INTO accounts (id, name, tag, created_ms) VALUES (:id, :name, :tag, :created_ms)")
_GET = Sql("SELECT id, name, tag, created_ms FROM accounts WHERE id = :id")
_NAMED = Sql("SELECT id, name, tag, created_ms FROM accounts WHERE name = :name")
_ALL = Sql("SELECT id, name, tag, created_ms FROM accounts ORDER BY name")
_BALANCE = Sql("SELECT available, frozen FROM accounts WHERE id = :id")

# The hold and the queue clock move in one statement: the row is locked once, and a submit costs one write less.
_TAKE_PLACE = Sql("""
    UPDATE accounts
    SET available = available - :price,
        frozen = frozen + :price,
        queue_clock = :step + CASE
            WHEN queue_clock > (SELECT place FROM queue_clock WHERE id = 1) THEN queue_clock
            ELSE (SELECT place FROM queue_clock WHERE id = 1) END
    WHERE id = :id AND available >= :price
    RETURNING queue_clock - :step
""")
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

    def all(self) -> Sequence[Account]:
        return [Account(*row) for row in self._db.all(_ALL)]

    def balance(self, account: AccountId) -> Balance:
        available, frozen = self._db.all(_BALANCE, {"id": account})[0]
        return Balance(available, frozen)

    def take_place(self, account: AccountId, price: int, step: int) -> int | None:
        place: int | None = self._db.value(_TAKE_PLACE, {"id": account, "price": price, "step": step})
        return place

    def move(self, account: AccountId, entry: Entry) -> None:
        self._db.run(_MOVE, {"id": account, "available": entry.available, "frozen": entry.frozen})

    def enter(self, account: AccountId, bucket: str, limit: int) -> bool:
        entered = self._db.value(_ENTER, {"account": account, "bucket": bucket, "limit": limit})
        return entered is not None

    def leave(self, account: AccountId, bucket: str) -> None:
        self._db.run(_LEAVE, {"account": account, "bucket": bucket})

    def set_limit(self, account: AccountId, bucket: str, limit: int) -> None:
        self._db.run(_SET_LIMIT, {"account": account, "bucket": bucket, "cap": limit})


_KEY_COLUMNS = "k.id, k.account, a.tag, k.name, k.hint, k.scopes, k.created_ms, k.revoked_ms"
_KEY_ADD = Sql("""
    INSERT INTO api_keys (id, account, name, hint, digest, scopes, created_ms)
    VALUES (:id, :account, :name, :hint, :digest, :scopes, :created_ms)
""")
_KEY_BY_DIGEST = Sql(f"""
    SELECT {_KEY_COLUMNS} FROM api_keys k JOIN accounts a ON a.id = k.account WHERE k.digest = :digest
""")
_KEYS_OF = Sql(f"""
    SELECT {_KEY_COLUMNS} FROM api_keys k JOIN accounts a ON a.id = k.account
    WHERE k.account = :account ORDER BY k.created_ms, k.id
""")
_KEY_REVOKE = Sql("UPDATE api_keys SET revoked_ms = :now_ms WHERE id = :id AND revoked_ms IS NULL")


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
            },
        )

    def by_digest(self, digest: bytes) -> Key | None:
        row = self._db.one(_KEY_BY_DIGEST, {"digest": digest})
        return _key(*row) if row else None

    def of(self, account: AccountId) -> Sequence[Key]:
        return [_key(*row) for row in self._db.all(_KEYS_OF, {"account": account})]

    def revoke(self, key: KeyId, now_ms: int) -> bool:
        return self._db.run(_KEY_REVOKE, {"id": key, "now_ms": now_ms}) == 1


def _key(  # noqa: PLR0917 - the columns, in their order
    id_: str, account: str, tag: str, name: str, hint: str, scopes: str, created_ms: int, revoked_ms: int | None
) -> Key:
    return Key(KeyId(id_), AccountId(account), tag, name, hint, tuple(scopes.split()), created_ms, revoked_ms)
