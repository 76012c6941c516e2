"""From an Authorization header to a key."""

from dataclasses import dataclass, field

from limner.application.accounts import KEY_PREFIX, KeyDigest
from limner.domain.refusal import Code, Refusal
from limner.ports.clock import Clock
from limner.ports.records import Key, Store

FRESH_MS = 2_000
"""How long a key is taken as good without asking the store again: a revoked key stops within this time."""

LARGEST_MEMORY = 10_000


@dataclass(slots=True)
class Authenticate:
    """Only good keys are remembered, so guesses fill no memory and cost the guesser a look-up each."""

    store: Store
    clock: Clock
    digest: KeyDigest
    _known: dict[bytes, tuple[int, Key]] = field(default_factory=dict)

    async def __call__(self, authorization: str | None, scope: str) -> Key:
        """The key behind `Bearer tsk_…`. Raises `Refusal`: unauthenticated, or forbidden without the scope."""
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret.startswith(KEY_PREFIX):
            raise _unauthenticated()
        key = await self._look_up(self.digest(secret))
        if scope not in key.scopes:
            raise Refusal(
                Code.FORBIDDEN,
                f"the key lacks the scope {scope!r}",
                suggestion=f"Use a key with the scope {scope!r}; `limner keys create --scope {scope}` makes one.",
            )
        return key

    async def _look_up(self, digest: bytes) -> Key:
        now_ms = self.clock.now_ms()
        fresh_until, key = self._known.get(digest, (0, None))
        if key is not None and now_ms < fresh_until:
            return key
        found = await self.store.read(lambda records: records.keys.by_digest(digest))
        if found is None or found.revoked_ms is not None:
            self._known.pop(digest, None)
            raise _unauthenticated()
        if len(self._known) >= LARGEST_MEMORY:
            self._known.clear()
        self._known[digest] = now_ms + FRESH_MS, found
        return found


def _unauthenticated() -> Refusal:
    # The words are the upstream's own: clients show them, and some compare them.
    return Refusal(
        Code.UNAUTHENTICATED,
        "no valid key",
        suggestion="Check if your credentials is valid, and ensure you set it correctly",
    )
