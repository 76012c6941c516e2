"""Browser sessions, and the one-time links that begin them. Tokens are stored as keyed digests."""

from collections.abc import Sequence
from dataclasses import dataclass

from limner.db.sql import Db, Sql
from limner.domain.ids import AccountId, KeyId


@dataclass(frozen=True, slots=True)
class SignInLink:
    """A link that signs one browser in, once. `used_ms` is when that happened."""

    account: AccountId
    scopes: tuple[str, ...]
    expires_ms: int
    used_ms: int | None = None


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A signed-in browser. It acts with its key, and ends with it."""

    key: KeyId
    expires_ms: int


_ADD_LINK = Sql("""
    INSERT INTO sign_in_links (digest, account, scopes, expires_ms) VALUES (:digest, :account, :scopes, :expires_ms)
""")
_LINK = Sql("SELECT account, scopes, expires_ms, used_ms FROM sign_in_links WHERE digest = :digest")
_USE_LINK = Sql("""
    UPDATE sign_in_links SET used_ms = :now_ms WHERE digest = :digest AND used_ms IS NULL AND expires_ms > :now_ms
""")
_ADD = Sql("INSERT INTO sessions (digest, api_key, expires_ms) VALUES (:digest, :key, :expires_ms)")
_GET = Sql("SELECT api_key, expires_ms FROM sessions WHERE digest = :digest AND expires_ms > :now_ms")
_OPEN_OF = Sql("SELECT digest FROM sessions WHERE api_key IN :keys AND expires_ms > :now_ms")
_END = Sql("DELETE FROM sessions WHERE digest = :digest")
_END_OF = Sql("DELETE FROM sessions WHERE api_key IN (SELECT id FROM api_keys WHERE account = :account)")
_FORGET_SESSIONS = Sql("DELETE FROM sessions WHERE expires_ms <= :before_ms")
_FORGET_LINKS = Sql("DELETE FROM sign_in_links WHERE expires_ms <= :before_ms")


class SessionTable:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add_link(self, digest: bytes, link: SignInLink) -> None:
        row = {"account": link.account, "scopes": " ".join(link.scopes), "expires_ms": link.expires_ms}
        self._db.run(_ADD_LINK, row | {"digest": digest})

    def link(self, digest: bytes) -> SignInLink | None:
        row = self._db.one(_LINK, {"digest": digest})
        if row is None:
            return None
        account, scopes, expires_ms, used_ms = row
        return SignInLink(AccountId(account), tuple(scopes.split()), expires_ms, used_ms)

    def use_link(self, digest: bytes, now_ms: int) -> bool:
        """Mark the link as used. False if it was used before, has expired, or does not exist."""
        return self._db.run(_USE_LINK, {"digest": digest, "now_ms": now_ms}) == 1

    def add(self, digest: bytes, session: BrowserSession) -> None:
        self._db.run(_ADD, {"digest": digest, "key": session.key, "expires_ms": session.expires_ms})

    def get(self, digest: bytes, now_ms: int) -> BrowserSession | None:
        row = self._db.one(_GET, {"digest": digest, "now_ms": now_ms})
        return BrowserSession(KeyId(row[0]), row[1]) if row else None

    def open_of(self, keys: Sequence[KeyId], now_ms: int) -> set[bytes]:
        """The digests of the sessions that act with these keys and have not ended."""
        rows = self._db.all(_OPEN_OF, {"keys": self._db.ids(keys), "now_ms": now_ms})
        return {bytes(row[0]) for row in rows}

    def end(self, digest: bytes) -> None:
        self._db.run(_END, {"digest": digest})

    def end_of(self, account: AccountId) -> int:
        """End every session of the account; returns how many there were."""
        return self._db.run(_END_OF, {"account": account})

    def forget_expired(self, before_ms: int) -> None:
        """Delete the sessions and links that expired before this time."""
        self._db.run(_FORGET_SESSIONS, {"before_ms": before_ms})
        self._db.run(_FORGET_LINKS, {"before_ms": before_ms})
