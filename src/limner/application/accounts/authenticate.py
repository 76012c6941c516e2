"""From an Authorization header to a key."""

import asyncio
from dataclasses import dataclass, field

import structlog

from limner.application.accounts.key_cache import KeyCache
from limner.application.accounts.manage import KEY_PREFIX, HashKey
from limner.application.accounts.rate_limiters import RateLimiters
from limner.db.store import Store
from limner.db.tables.keys import Key
from limner.domain.accounts.rate_limit import RateLimit
from limner.domain.ids import KeyId
from limner.domain.refusal import Code, Refusal
from limner.ports.clock import Clock

log = structlog.get_logger()

USE_PRECISION_MS = 600_000
"""Precision of a key's recorded last use, so that it is written at most every ten minutes."""

GUESSES = RateLimit(30, 60)


@dataclass(slots=True)
class Authenticate:
    """Authenticates requests by API key. Only valid keys are cached, so guesses use no memory.

    A key is looked up by its keyed digest. The time this takes reveals nothing: without the pepper nobody can choose a
    digest, let alone one that begins like another.
    """

    store: Store
    clock: Clock
    digest: HashKey
    guesses: RateLimit = GUESSES
    """How many wrong keys one address may send. Beyond that, only cached keys are accepted from it."""
    _cached: KeyCache = field(default_factory=KeyCache)
    _wrong_keys: RateLimiters = field(default_factory=RateLimiters)
    _writing: set["asyncio.Future[None]"] = field(default_factory=set)

    async def __call__(self, authorization: str | None, scope: str, address: str | None = None) -> Key:
        """The key behind `Bearer tsk_…`. Raises `Refusal`: unauthenticated, or forbidden without the scope.

        Wrong keys are counted per `address`; None counts none.
        """
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret.startswith(KEY_PREFIX):
            raise _unauthenticated()
        key = await self._look_up(self.digest(secret), address)
        if scope not in key.scopes:
            raise Refusal(
                Code.FORBIDDEN,
                f"the key lacks the scope {scope!r}",
                suggestion=f"Use a key with the scope {scope!r}; `limner keys create --scope {scope}` makes one.",
            )
        return key

    def known_account(self, authorization: str | None) -> str:
        """The account of a key that was used within the last seconds; else empty. It authenticates nothing."""
        _, _, secret = (authorization or "").partition(" ")
        key = self._cached.get(self.digest(secret), self.clock.now_ms())
        return key.account if key else ""

    async def _look_up(self, digest: bytes, address: str | None) -> Key:
        now_ms = self.clock.now_ms()
        if key := self._cached.get(digest, now_ms):
            return key
        if digest not in self._cached and address is not None:
            self._check_guesses(address, now_ms)
        found = await self.store.read(lambda records: records.keys.by_digest(digest))
        if found is None or not found.in_force(now_ms):
            self._cached.drop(digest)
            if address is not None:
                self._wrong_keys.take(address, self.guesses, now_ms)
            raise _unauthenticated()
        self._cached.add(digest, found, now_ms)
        if now_ms - (found.used_ms or 0) >= USE_PRECISION_MS:
            self._write_use(found.id, now_ms)
        return found

    def _write_use(self, key: KeyId, now_ms: int) -> None:
        """Write the use concurrently: the request does not wait for it."""
        writing = asyncio.ensure_future(self.store.run(lambda records: records.keys.mark_used(key, now_ms)))
        self._writing.add(writing)
        writing.add_done_callback(self._written)

    def _written(self, writing: "asyncio.Future[None]") -> None:
        self._writing.discard(writing)
        if not writing.cancelled() and (error := writing.exception()):
            log.warning("last use of a key not written", error=repr(error))

    def _check_guesses(self, address: str, now_ms: int) -> None:
        level = self._wrong_keys.peek(address, self.guesses, now_ms)
        if not level.granted:
            raise Refusal(
                Code.RATE_LIMITED,
                f"more than {self.guesses.amount} wrong keys came from your address in {self.guesses.window_s} seconds",
                suggestion=f"Check the key, wait for {level.more_in_s} seconds (`Retry-After`) and try again.",
                retry_after_s=level.more_in_s,
            )


def _unauthenticated() -> Refusal:
    # Tripo's own words: clients show them, and some compare them.
    return Refusal(
        Code.UNAUTHENTICATED,
        "no valid key",
        suggestion="Check if your credentials is valid, and ensure you set it correctly",
    )
