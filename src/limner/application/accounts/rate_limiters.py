"""Quotas of many, in the memory of this process: each server counts for itself."""

from limner.domain.accounts.rate_limit import RateLimit, RateLimitResult, take

MOST_REMEMBERED = 10_000


class RateLimiters:
    """A token bucket a name. Memory has an end: who was not seen for longest is forgotten, and begins anew."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._full_at_us: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._full_at_us)

    def take(self, name: str, quota: RateLimit, now_ms: int) -> RateLimitResult:
        """Count one, unless it is one too many."""
        level, full_at_us = take(quota, self._full_at_us.pop(name, 0), now_ms)
        while len(self._full_at_us) >= self._most:
            del self._full_at_us[next(iter(self._full_at_us))]
        self._full_at_us[name] = full_at_us
        return level

    def look(self, name: str, quota: RateLimit, now_ms: int) -> RateLimitResult:
        """What `take` would answer, without counting."""
        return take(quota, self._full_at_us.get(name, 0), now_ms)[0]
