"""Operations on accounts, keys and credits, for operators."""

import base64
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.accounts import Account, AccountLimits
from limner.db.tables.keys import Key
from limner.domain.accounts.credits import Balance, grant
from limner.domain.accounts.key_limits import UNLIMITED, KeyLimits
from limner.domain.ids import AccountId, KeyId
from limner.domain.keyed_digest import KeyedDigest
from limner.domain.refusal import Code, Refusal
from limner.domain.spending_rules import NO_RULES, SpendingRules
from limner.ports.clock import Clock

KEY_PREFIX = "tsk_"
"""Published clients reject any other prefix before they send a request."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")

OPENING_NOTE = "opening credits"

SCOPES = ("generate", "read", "webhooks", "admin")
"""What a key allows. `generate` creates and cancels tasks, `read` reads, `webhooks` manages the account's webhooks.
`admin` is reserved for an API for operators."""


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key. `secret` is shown once; only its digest is kept."""

    key: Key
    secret: str


@dataclass(frozen=True, slots=True)
class HashKey:
    """Keys are 256 random bits, so a fast keyed hash suffices. Without the pepper, a stolen table is useless."""

    pepper: bytes
    _digest: KeyedDigest = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_digest", KeyedDigest(self.pepper))

    def __call__(self, secret: str) -> bytes:
        return self._digest(secret.encode())


@dataclass(frozen=True, slots=True)
class ManageAccounts:
    """Each operation is written to the audit log, as done by `actor`.

    The log holds ids of accounts and keys: names can be erased, the log cannot.
    """

    store: Store
    clock: Clock
    digest: HashKey
    actor: str = "limner"

    async def create(self, name: str, opening: int = 0, tasks: int | None = None) -> Account:
        """Create an account. `tasks` limits its unfinished image tasks; None applies the service's setting."""
        account = _new_account(name, self.clock.now_ms())

        def work(records: Records) -> Account:
            _create(records, account, opening, self.clock.now_ms())
            if tasks is not None:
                records.accounts.set_slots(account.id, "image", tasks)
            self._note(records, "account.create", account.id, {"credits": opening, "tasks": tasks})
            return account

        return await self.store.run(work)

    async def create_first(
        self, name: str, opening: int, key_name: str, scopes: tuple[str, ...]
    ) -> tuple[Account, CreatedKey] | None:
        """On a database without accounts, create one with credits and a key; None otherwise.

        The only account, if it has this name, gets its first key here: `limner generate` creates it without one. All at
        once: of several processes that start together one does, and none leaves an account without its key.
        """
        secret = new_secret()

        def work(records: Records) -> tuple[Account, CreatedKey] | None:
            account = self._first(records, name, opening)
            if account is None or records.keys.of(account.id):
                return None
            key = new_key(account, key_name, scopes, secret, self.clock.now_ms())
            return account, CreatedKey(self._add_key(records, key, secret), secret)

        return await self.store.run(work)

    async def ensure_first(self, name: str, opening: int) -> None:
        """On a database without accounts, create one with credits and no key."""
        await self.store.run(lambda records: self._first(records, name, opening))

    def _first(self, records: Records, name: str, opening: int) -> Account | None:
        """The only account of the database, created if there is none; None if there are others."""
        present = records.accounts.all()
        if present:
            return present[0] if [each.name for each in present] == [name] else None
        account = _new_account(name, self.clock.now_ms())
        if not records.accounts.add(account):
            return None
        _grant(records, account, opening, OPENING_NOTE, self.clock.now_ms())
        self._note(records, "account.create", account.id, {"credits": opening, "tasks": None})
        return account

    async def limit(self, account_name: str, tasks: int) -> None:
        """Set how many unfinished image tasks an account may have."""

        def work(records: Records) -> None:
            account = named(records, account_name)
            records.accounts.set_slots(account.id, "image", tasks)
            self._note(records, "account.limit", account.id, {"tasks": tasks})

        await self.store.run(work)

    async def weigh(self, account_name: str, weight: int) -> None:
        """Serve an account's tasks `weight` times as often as those of an account of weight 1."""

        def work(records: Records) -> None:
            account = named(records, account_name)
            records.accounts.set_weight(account.id, weight)
            self._note(records, "account.weight", account.id, {"weight": weight})

        await self.store.run(work)

    async def limit_spending(self, account_name: str, changes: Mapping[str, Any]) -> AccountLimits:
        """Change fields of an account's `AccountLimits`; returns all of them. None removes a limit."""

        def work(records: Records) -> AccountLimits:
            account = named(records, account_name)
            before = records.accounts.limits(account.id)
            after = replace(before, **changes)
            records.accounts.set_limits(account.id, after)
            details = {"from": _chosen(asdict(before)), "to": _chosen(asdict(after))}
            self._note(records, "account.budget", account.id, details)
            return after

        return await self.store.run(work)

    async def create_key(
        self,
        account_name: str,
        key_name: str,
        scopes: tuple[str, ...],
        allowance: KeyLimits = UNLIMITED,
        expires_ms: int | None = None,
        *,
        rules: SpendingRules = NO_RULES,
    ) -> CreatedKey:
        secret = new_secret()
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise Refusal(
                Code.INVALID,
                f"there is no scope {unknown[0]!r}" if unknown else "a key needs at least one scope",
                suggestion=f"Scopes are {', '.join(SCOPES)}.",
                field="scope",
            )

        def work(records: Records) -> Key:
            account = named(records, account_name)
            key = new_key(account, key_name, scopes, secret, self.clock.now_ms())
            limited = replace(key, allowance=allowance, expires_ms=expires_ms, rules=rules)
            return self._add_key(records, limited, secret)

        return CreatedKey(await self.store.run(work), secret)

    def _add_key(self, records: Records, key: Key, secret: str) -> Key:
        records.keys.add(key, self.digest(secret))
        self._note(records, "key.create", key.id, {"account": key.account, "scopes": key.scopes, **_limits(key)})
        return key

    async def limit_key(self, key_id: KeyId, changes: Mapping[str, Any]) -> Key:
        """Change fields of `KeyLimits` and `SpendingRules`, or `expires_ms`; returns the changed key.

        None removes a limit.
        """

        def work(records: Records) -> Key:
            key = records.keys.get(key_id)
            if key is None:
                raise _no_such_key(key_id)
            changed = replace(
                key,
                allowance=replace(key.allowance, **_fields_of(KeyLimits, changes)),
                rules=replace(key.rules, **_fields_of(SpendingRules, changes)),
                expires_ms=changes.get("expires_ms", key.expires_ms),
            )
            records.keys.set_limits(changed)
            self._note(records, "key.limit", key.id, {"from": _limits(key), "to": _limits(changed)})
            return changed

        return await self.store.run(work)

    async def revoke_key(self, key: KeyId) -> bool:
        """Revoke a key; False when there is no such key in force."""

        def work(records: Records) -> bool:
            revoked = records.keys.revoke(key, self.clock.now_ms())
            if revoked:
                self._note(records, "key.revoke", key, {})
            return revoked

        return await self.store.run(work)

    async def grant(self, account_name: str, amount: int, note: str | None) -> Balance:
        """Give credits; a negative amount takes some back, down to zero."""

        def work(records: Records) -> Balance:
            account = named(records, account_name)
            has = _grant(records, account, amount, note, self.clock.now_ms())
            self._note(records, "credits.grant", account.id, {"credits": amount})
            return has

        return await self.store.run(work)

    def _note(self, records: Records, act: str, subject: str, details: Mapping[str, Any]) -> None:
        records.audit_log.add(self.actor, act, subject, details, self.clock.now_ms())


def new_secret() -> str:
    """A new key's secret: 256 random bits."""
    return KEY_PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def named(records: Records, name: str) -> Account:
    account = records.accounts.by_name(name) if _NAME.fullmatch(name) else None  # PostgreSQL takes no NUL character
    if account is None:
        known = ", ".join(each.name for each in records.accounts.all()) or "none yet"
        raise Refusal(
            Code.INVALID,
            f"there is no account {name!r}",
            suggestion=f"Accounts: {known}. Create one with `limner accounts create NAME`.",
            field="account",
        )
    return account


def _new_account(name: str, now_ms: int) -> Account:
    if not _NAME.fullmatch(name):
        raise Refusal(
            Code.INVALID,
            f"{name!r} is no account name",
            suggestion="Use 1 to 63 lower-case letters, digits, dots, dashes and underscores, a letter or digit first.",
            field="name",
        )
    return Account(AccountId(str(uuid.uuid4())), name, f"tcli_{uuid.uuid4().hex}", now_ms)


def new_key(account: Account, name: str, scopes: tuple[str, ...], secret: str, now_ms: int) -> Key:
    """A key of this account without limits, not yet stored."""
    return Key(
        id=KeyId(str(uuid.uuid4())),
        account=account.id,
        account_tag=account.tag,
        name=name,
        hint=secret[:8],
        scopes=scopes,
        created_ms=now_ms,
        revoked_ms=None,
    )


def _limits(key: Key) -> dict[str, Any]:
    return _chosen(asdict(key.allowance) | asdict(key.rules) | {"expires_ms": key.expires_ms})


def _chosen(limits: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in limits.items() if value is not None}


def _fields_of(kind: type[KeyLimits | SpendingRules], changes: Mapping[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in changes.items() if name in names}


def _no_such_key(key: KeyId) -> Refusal:
    return Refusal(
        Code.INVALID,
        f"there is no key {key!r}",
        suggestion="`limner keys list` shows the ids of an account's keys.",
        field="key_id",
    )


def _create(records: Records, account: Account, opening: int, now_ms: int) -> None:
    if not records.accounts.add(account):
        raise Refusal(
            Code.INVALID,
            f"there is an account {account.name!r} already",
            suggestion="Choose another name, or give it credits with `limner credits grant`.",
            field="name",
        )
    if opening:
        _grant(records, account, opening, OPENING_NOTE, now_ms)


def _grant(records: Records, account: Account, amount: int, note: str | None, now_ms: int) -> Balance:
    before = records.accounts.lock_balance(account.id)
    if not amount or before.available + amount < 0:
        raise Refusal(
            Code.INVALID,
            f"cannot change {account.name!r} by {amount} credits, it has {before.available} to spend",
            suggestion="Give a whole number other than 0; taking back stops at what is available.",
            field="amount",
        )
    entry = grant(amount)
    records.accounts.apply(account.id, entry)
    records.ledger.append(account.id, entry, now_ms, note=note)
    return replace(before, available=before.available + amount)
