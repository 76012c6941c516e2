"""Accounts: their balance, their clock in the queue and their limits."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from limner.db.sql import Db, Sql
from limner.domain.accounts.credits import Balance, LedgerEntry
from limner.domain.ids import AccountId


@dataclass(frozen=True, slots=True)
class Account:
    id: AccountId
    name: str
    tag: str
    """The account's public name in links and object keys; it tells nobody who it is."""
    created_ms: int


_ADD = Sql("""
    INSERT INTO accounts (id, name, tag, created_ms) VALUES (:id, :name, :tag, :created_ms)
    ON CONFLICT (name) DO NOTHING RETURNING id
""")
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


class AccountTable:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, account: Account) -> bool:
        """Whether its name was free; nothing is written when it was not."""
        return self._db.one(_ADD, asdict(account)) is not None

    def get(self, account: AccountId) -> Account | None:
        row = self._db.one(_GET, {"id": account})
        return Account(*row) if row else None

    def by_name(self, name: str) -> Account | None:
        row = self._db.one(_NAMED, {"name": name})
        return Account(*row) if row else None

    def by_tag(self, tag: str) -> Account | None:
        row = self._db.one(_TAGGED, {"tag": tag})
        return Account(*row) if row else None

    def all(self) -> Sequence[Account]:
        return [Account(*row) for row in self._db.all(_ALL)]

    def balance(self, account: AccountId) -> Balance:
        available, frozen = self._db.all(_BALANCE, {"id": account})[0]
        return Balance(available, frozen)

    def reserve_place(self, account: AccountId, price: int, step: int) -> int | None:
        """Set `price` aside and move the account's queue clock on; the new task's place, or None without the credit."""
        place: int | None = self._db.value(_TAKE_PLACE, {"id": account, "price": price, "step": step})
        return place

    def set_weight(self, account: AccountId, weight: int) -> None:
        """From now on the account's tasks are served so many times as often as those of an account of weight 1."""
        self._db.run(_SET_WEIGHT, {"account": account, "weight": weight})

    def weights(self) -> Mapping[AccountId, int]:
        return {AccountId(account): weight for account, weight in self._db.all(_WEIGHTS)}

    def apply(self, account: AccountId, entry: LedgerEntry) -> None:
        """Apply an entry's amounts to the running balance; `Ledger.append` writes the row they come from."""
        self._db.run(_MOVE, {"id": account, "available": entry.available, "frozen": entry.frozen})

    def acquire_slot(self, account: AccountId, bucket: str, limit: int) -> bool:
        """Count one more task under way, unless the account's own limit, or else `limit`, is reached."""
        entered = self._db.value(_ENTER, {"account": account, "bucket": bucket, "limit": limit})
        return entered is not None

    def release_slot(self, account: AccountId, bucket: str) -> None:
        self._db.run(_LEAVE, {"account": account, "bucket": bucket})

    def set_slots(self, account: AccountId, bucket: str, limit: int) -> None:
        self._db.run(_SET_LIMIT, {"account": account, "bucket": bucket, "cap": limit})
