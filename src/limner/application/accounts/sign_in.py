"""Signing browsers in: by a one-time link or by a key. A session acts with a key and ends when that key ends.

Session tokens and link tokens are random; the database holds their keyed digests only.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from limner.application.accounts.key_cache import KeyCache
from limner.application.accounts.manage import HashKey, named, new_key
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.keys import Key
from limner.db.tables.studio.sessions import BrowserSession, SignInLink
from limner.domain.ids import AccountId
from limner.domain.refusal import Code, Refusal
from limner.ports.clock import Clock

HINT = "studio"
"""Shown where other keys show their first characters: nobody knows those of a session's key."""

LINK_LIFE_MS = 600_000
SESSION_LIFE_MS = 30 * 86_400_000

STUDIO_SCOPES = ("generate", "read", "webhooks")
OPERATOR_SCOPES = (*STUDIO_SCOPES, "admin")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: the token for the browser's cookie, and when it ends."""

    token: str
    expires_ms: int


@dataclass(slots=True)
class SignIn:
    store: Store
    clock: Clock
    digest: HashKey
    _cached: KeyCache = field(default_factory=KeyCache)

    async def make_link(self, account_name: str, scopes: tuple[str, ...] = STUDIO_SCOPES) -> str:
        """The token of a link that signs one browser in to this account. Raises `Refusal` for an unknown account."""
        token, expires_ms = secrets.token_urlsafe(24), self.clock.now_ms() + LINK_LIFE_MS

        def work(records: Records) -> None:
            account = named(records, account_name)
            records.sessions.forget_expired(self.clock.now_ms() - LINK_LIFE_MS)
            records.sessions.add_link(self.digest(token), SignInLink(account.id, scopes, expires_ms))

        await self.store.run(work)
        return token

    async def by_link(self, token: str, key_name: str) -> SignedIn:
        """Use up the link, and begin a session with a new key. Raises `Refusal` if it was used or has expired."""

        def key_of(records: Records) -> Key:
            now_ms, digest = self.clock.now_ms(), self.digest(token)
            link = records.sessions.link(digest)
            if link is None or not records.sessions.use_link(digest, now_ms):
                raise _link_unusable(link, now_ms)
            account = records.accounts.get(link.account)
            if account is None:
                raise _link_unusable(None, now_ms)
            secret = secrets.token_urlsafe(32)  # nobody learns it: this key works by its sessions alone
            key = replace(new_key(account, key_name, link.scopes, secret, now_ms), hint=HINT)
            records.keys.add(key, self.digest(secret))
            records.audit_log.add("studio", "key.create", key.id, {"account": account.id, "scopes": key.scopes}, now_ms)
            return key

        return await self._begin(key_of)

    async def by_key(self, key: Key) -> SignedIn:
        """Begin a session that acts with an authenticated key."""
        return await self._begin(lambda _records: key)

    async def _begin(self, key_of: Callable[[Records], Key]) -> SignedIn:
        token, expires_ms = secrets.token_urlsafe(32), self.clock.now_ms() + SESSION_LIFE_MS

        def work(records: Records) -> None:
            key = key_of(records)
            records.sessions.add(self.digest(token), BrowserSession(key.id, expires_ms))

        await self.store.run(work)
        return SignedIn(token, expires_ms)

    async def key_of(self, token: str) -> Key | None:
        """The key that a session acts with; None if the session or its key has ended."""
        now_ms, digest = self.clock.now_ms(), self.digest(token)
        if cached := self._cached.get(digest, now_ms):
            return cached
        key = await self.store.read(lambda records: _key_of_session(records, digest, now_ms))
        if key is None or not key.in_force(now_ms):
            self._cached.drop(digest)
            return None
        self._cached.add(digest, key, now_ms)
        return key

    async def end(self, token: str) -> None:
        """Sign the browser out."""
        digest = self.digest(token)
        self._cached.drop(digest)
        await self.store.run(lambda records: records.sessions.end(digest))

    async def end_all(self, account: AccountId, actor: str) -> int:
        """Sign every browser of the account out; returns how many there were.

        Keys that sign-in links made are revoked, since they work by their sessions alone; their open sockets close.
        Other processes notice within seconds.
        """
        now_ms = self.clock.now_ms()

        def work(records: Records) -> int:
            for key in records.keys.of(account):
                if key.hint == HINT and records.keys.revoke(key.id, now_ms):
                    records.audit_log.add(actor, "key.revoke", key.id, {}, now_ms)
            return records.sessions.end_of(account)

        ended = await self.store.run(work)
        self._cached.clear()
        return ended


def _key_of_session(records: Records, digest: bytes, now_ms: int) -> Key | None:
    session = records.sessions.get(digest, now_ms)
    return records.keys.get(session.key) if session else None


def _link_unusable(link: SignInLink | None, now_ms: int) -> Refusal:
    if link is not None and link.used_ms is not None:
        reason = "this link has been used"
    elif link is not None and link.expires_ms <= now_ms:
        reason = "this link is older than ten minutes"
    else:
        reason = "there is no such link"
    return Refusal(
        Code.UNAUTHENTICATED, reason, suggestion="Make a new one with `limner studio link`, or sign in with a key."
    )
