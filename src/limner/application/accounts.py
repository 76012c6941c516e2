"""Accounts, their keys and their credits: what an operator does."""

import base64
import hmac
import re
import secrets
import uuid
from dataclasses import dataclass, replace

from limner.domain.credits import Balance, grant
from limner.domain.ids import AccountId, KeyId
from limner.domain.refusal import Code, Refusal
from limner.ports.clock import Clock
from limner.ports.records import Account, Key, Records, Store

KEY_PREFIX = "tsk_"
"""Published clients refuse any other before they call."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")

SCOPES = ("generate", "read", "admin")
"""What a key may do. `generate` creates and cancels, `read` looks, `admin` is for the operator's own face."""


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key. `secret` is shown once; only its digest is kept."""

    key: Key
    secret: str


@dataclass(frozen=True, slots=True)
class KeyDigest:
    """Keys are 256 random bits, so a fast keyed hash is enough; the pepper makes a stolen table useless by itself."""

    pepper: bytes

    def __call__(self, secret: str) -> bytes:
        return hmac.digest(self.pepper, secret.encode(), "sha256")


@dataclass(frozen=True, slots=True)
class Accounts:
    store: Store
    clock: Clock
    digest: KeyDigest

    async def create(self, name: str, opening: int = 0) -> Account:
        account = _new_account(name, self.clock.now_ms())
        return await self.store.run(lambda records: _create(records, account, opening, self.clock.now_ms()))

    async def create_key(self, account_name: str, key_name: str, scopes: tuple[str, ...]) -> MadeKey:
        secret = KEY_PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
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
            key = Key(
                KeyId(str(uuid.uuid4())),
                account.id,
                account.tag,
                key_name,
                secret[:8],
                scopes,
                self.clock.now_ms(),
                None,
            )
            records.keys.add(key, self.digest(secret))
            return key

        return MadeKey(await self.store.run(work), secret)

    async def revoke_key(self, key: KeyId) -> bool:
        """Whether there was such a key in force."""
        return await self.store.run(lambda records: records.keys.revoke(key, self.clock.now_ms()))

    async def grant(self, account_name: str, amount: int, note: str | None) -> Balance:
        """Give credits; a negative amount takes some back, down to zero."""
        return await self.store.run(
            lambda records: _grant(records, named(records, account_name), amount, note, self.clock.now_ms())
        )


def named(records: Records, name: str) -> Account:
    account = records.accounts.named(name)
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


def _create(records: Records, account: Account, opening: int, now_ms: int) -> Account:
    if records.accounts.named(account.name):
        raise Refusal(
            Code.INVALID,
            f"there is an account {account.name!r} already",
            suggestion="Choose another name, or give it credits with `limner credits grant`.",
            field="name",
        )
    records.accounts.add(account)
    if opening:
        _grant(records, account, opening, "opening credits", now_ms)
    return account


def _grant(records: Records, account: Account, amount: int, note: str | None, now_ms: int) -> Balance:
    before = records.accounts.balance(account.id)
    if not amount or before.available + amount < 0:
        raise Refusal(
            Code.INVALID,
            f"cannot change {account.name!r} by {amount} credits, it has {before.available} to spend",
            suggestion="Give a whole number other than 0; taking back stops at what is available.",
            field="amount",
        )
    entry = grant(amount)
    records.accounts.move(account.id, entry)
    records.ledger.append(account.id, entry, now_ms, note=note)
    return replace(before, available=before.available + amount)
