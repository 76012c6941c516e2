"""Limits of one provider key: concurrent jobs, a rate limit, and the pause that a vendor asked for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProviderLimits:
    """`concurrency` is jobs under way at once, `per_minute` jobs submitted; None is no limit of ours.

    `burst` is how many jobs may be submitted together after a quiet time.
    """

    concurrency: int | None = None
    per_minute: float | None = None
    burst: int = 1

    @property
    def is_free(self) -> bool:
        return self.concurrency is None and self.per_minute is None


UNLIMITED = ProviderLimits()

MAX_PAUSE_MS = 86_400_000
"""The longest pause that is obeyed, whatever a vendor asks for: a day, as long as the longest quotas run."""

_SKEW_MS = 60_000
"""How far the clocks of two workers may differ. A later time was written before a clock was set back."""


@dataclass(frozen=True, slots=True)
class ProviderMeter:
    """The state of a provider's limits: until when it is paused, and the rate limiter's one timestamp.

    `next_us` is the time, in microseconds, at which the bucket would be full again (generic cell rate algorithm): one
    whole number instead of a count and a time, exact in both databases.
    """

    paused_until_ms: int = 0
    next_us: int = 0

    def pause_ms(self, now_ms: int) -> int:
        """How long the provider must not be called."""
        left_ms = self.paused_until_ms - now_ms
        return left_ms if 0 < left_ms <= MAX_PAUSE_MS + _SKEW_MS else 0


def spend_token(limits: ProviderLimits, meter: ProviderMeter, now_ms: int) -> ProviderMeter | int:
    """The meter after one more job; or, as an int, how many milliseconds later one may be submitted."""
    if limits.per_minute is None:
        return meter
    interval_us = round(60_000_000 / limits.per_minute)
    now_us, full_us = now_ms * 1000, limits.burst * interval_us
    ahead_us = meter.next_us - now_us
    if not 0 < ahead_us <= full_us + _SKEW_MS * 1000:
        ahead_us = 0
    early_us = ahead_us + interval_us - full_us
    if early_us > 0:
        return -(-early_us // 1000)
    return ProviderMeter(meter.paused_until_ms, now_us + ahead_us + interval_us)
