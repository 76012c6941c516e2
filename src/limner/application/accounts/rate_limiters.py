"""Rate limiters by name, in the memory of this process: each server counts on its own."""

from limner.domain.accounts.rate_limit import RateLimit, RateLimitResult, take

MAX_NAMES = 10_000


class RateLimiters:
    """One rate limiter per name, at most `most` of them. The least recently used is dropped, and starts full again."""

    def __init__(self, most: int = MAX_NAMES) -> None:
        self._most = most
        self._full_at_us: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._full_at_us)

    def take(self, name: str, quota: RateLimit, now_ms: int) -> RateLimitResult:
        """Take one, if the limit allows it."""
        level, full_at_us = take(quota, self._full_at_us.pop(name, 0), now_ms)
        while len(self._full_at_us) >= self._most:
            del self._full_at_us[next(iter(self._full_at_us))]
        self._full_at_us[name] = full_at_us
        return level

    def peek(self, name: str, quota: RateLimit, now_ms: int) -> RateLimitResult:
        """The result that `take` would have, without taking."""
        return take(quota, self._full_at_us.get(name, 0), now_ms)[0]
