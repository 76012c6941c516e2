"""Valid keys that were looked up a moment ago."""

from dataclasses import dataclass, field

from limner.db.tables.keys import Key

CACHE_MS = 2_000
"""How long a valid key is cached: a revoked key stops working within this time."""

MAX_CACHED_KEYS = 10_000


@dataclass(slots=True)
class KeyCache:
    """Keys by the digest of what leads to them: their own secret, or a session's token. The oldest gives way."""

    _cached: dict[bytes, tuple[int, Key]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._cached)

    def __contains__(self, digest: bytes) -> bool:
        """Whether a key was valid under this digest, maybe longer ago than `CACHE_MS`."""
        return digest in self._cached

    def get(self, digest: bytes, now_ms: int) -> Key | None:
        cached_until_ms, key = self._cached.get(digest, (0, None))
        return key if key is not None and now_ms < cached_until_ms and key.in_force(now_ms) else None

    def add(self, digest: bytes, key: Key, now_ms: int) -> None:
        self.drop(digest)
        while len(self._cached) >= MAX_CACHED_KEYS:
            del self._cached[next(iter(self._cached))]
        self._cached[digest] = now_ms + CACHE_MS, key

    def drop(self, digest: bytes) -> None:
        self._cached.pop(digest, None)

    def clear(self) -> None:
        self._cached.clear()
