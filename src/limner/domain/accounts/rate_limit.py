"""A rate limiter that stores one timestamp: the generic cell rate algorithm (GCRA)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`amount` per `window_s` seconds in the long run, and a burst of `amount` after a pause."""

    amount: int
    window_s: int = 1

    @property
    def interval_us(self) -> int:
        return max(1, self.window_s * 1_000_000 // self.amount)


@dataclass(frozen=True, slots=True)
class RateLimitResult:
    """Whether one was granted, how many are `left`, and in how many seconds there is one more."""

    granted: bool
    left: int
    more_in_s: int


def take(quota: RateLimit, full_at_us: int, now_ms: int) -> tuple[RateLimitResult, int]:
    """Take one, if one is there; how that went, and the new `full_at_us`.

    That is when the bucket would be full again, in microseconds: one number instead of a count and a time (the generic
    cell rate algorithm).
    """
    now_us, interval_us = now_ms * 1000, quota.interval_us
    # No further ahead than an empty bucket has it, which it only is when the clock was set back.
    full_at_us = min(max(full_at_us, now_us), now_us + quota.amount * interval_us)
    room_us = quota.amount * interval_us - (full_at_us - now_us)
    if room_us < interval_us:
        return RateLimitResult(granted=False, left=0, more_in_s=_seconds(interval_us - room_us)), full_at_us
    left, towards_next_us = divmod(room_us - interval_us, interval_us)
    return RateLimitResult(
        granted=True, left=left, more_in_s=_seconds(interval_us - towards_next_us)
    ), full_at_us + interval_us


def _seconds(us: int) -> int:
    """Whole seconds, rounded up and at least one: who comes back then is not too early."""
    return max(1, -(-us // 1_000_000))
