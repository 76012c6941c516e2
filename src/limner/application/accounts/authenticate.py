"""From an Authorization header to a key."""

import asyncio
from dataclasses import dataclass, field

import structlog

from limner.application.accounts.manage import KEY_PREFIX, HashKey
from limner.application.accounts.rate_limiters import RateLimiters
from limner.db.store import Store
from limner.db.tables.keys import Key
from limner.domain.accounts.rate_limit import RateLimit
from limner.domain.ids import KeyId
from limner.domain.refusal import Code, Refusal
from limner.ports.clock import Clock

log = structlog.get_logger()

FRESH_MS = 2_000
"""How long a key is taken as good without asking the store again: a revoked key stops within this time."""

COARSE_MS = 600_000
"""How old the note about a key's last use may be while it is in use: a write in ten minutes."""

LARGEST_MEMORY = 10_000

GUESSES = RateLimit(30, 60)


@dataclass(slots=True)
class Authenticate:
    """Only good keys are remembered, so guesses fill no memory and cost the guesser a look-up each.

    A key is found by its keyed digest. How long that takes says nothing about a key: nobody without the pepper can
    choose a digest, let alone one that begins as another does.
    """

    store: Store
    clock: Clock
    digest: HashKey
    guesses: RateLimit = GUESSES
    """How many wrong keys one address may show. Beyond it, keys that were never good here are not even looked up."""
    _known: dict[bytes, tuple[int, Key]] = field(default_factory=dict)
    _guessed: RateLimiters = field(default_factory=RateLimiters)
    _noting: set["asyncio.Future[None]"] = field(default_factory=set)

    async def __call__(self, authorization: str | None, scope: str, address: str | None = None) -> Key:
        """The key behind `Bearer tsk_…`. Raises `Refusal`: unauthenticated, or forbidden without the scope.

        `address` is whose wrong keys are counted together; None counts nobody's.
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

    async def _look_up(self, digest: bytes, address: str | None) -> Key:
        now_ms = self.clock.now_ms()
        fresh_until, key = self._known.get(digest, (0, None))
        if key is not None and now_ms < fresh_until and key.in_force(now_ms):
            return key
        if key is None and address is not None:
            self._check_guesses(address, now_ms)
        found = await self.store.read(lambda records: records.keys.by_digest(digest))
        if found is None or not found.in_force(now_ms):
            self._known.pop(digest, None)
            if address is not None:
                self._guessed.take(address, self.guesses, now_ms)
            raise _unauthenticated()
        self._remember(digest, found, now_ms)
        return found

    def _remember(self, digest: bytes, key: Key, now_ms: int) -> None:
        self._known.pop(digest, None)
        while len(self._known) >= LARGEST_MEMORY:
            del self._known[next(iter(self._known))]
        self._known[digest] = now_ms + FRESH_MS, key
        if now_ms - (key.used_ms or 0) >= COARSE_MS:
            self._note_use(key.id, now_ms)

    def _note_use(self, key: KeyId, now_ms: int) -> None:
        """Write it down beside the request, which does not wait for it."""
        noting = asyncio.ensure_future(self.store.run(lambda records: records.keys.mark_used(key, now_ms)))
        self._noting.add(noting)
        noting.add_done_callback(self._noted)

    def _noted(self, noting: "asyncio.Future[None]") -> None:
        self._noting.discard(noting)
        if not noting.cancelled() and (error := noting.exception()):
            log.warning("the last use of a key was not noted", error=repr(error))

    def _check_guesses(self, address: str, now_ms: int) -> None:
        level = self._guessed.look(address, self.guesses, now_ms)
        if not level.granted:
            raise Refusal(
                Code.RATE_LIMITED,
                f"more than {self.guesses.amount} wrong keys came from your address in {self.guesses.window_s} seconds",
                suggestion=f"Check the key, wait for {level.more_in_s} seconds (`Retry-After`) and try again.",
                retry_after_s=level.more_in_s,
            )


def _unauthenticated() -> Refusal:
    # The words are the upstream's own: clients show them, and some compare them.
    return Refusal(
        Code.UNAUTHENTICATED,
        "no valid key",
        suggestion="Check if your credentials is valid, and ensure you set it correctly",
    )
