"""How fast and how many at once: what a vendor allows one key."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProviderLimits:
    """`concurrency` is calls and jobs under way at once, `per_minute` orders begun; None is no limit of ours.

    `burst` is how many orders may begin together after a quiet time.
    """

    concurrency: int | None = None
    per_minute: float | None = None
    burst: int = 1

    @property
    def is_free(self) -> bool:
        return self.concurrency is None and self.per_minute is None


UNLIMITED = ProviderLimits()

MAX_PAUSE_MS = 86_400_000
"""No vendor is left alone for longer, whatever it asks for: a day, as the longest quotas run."""

_SKEW_MS = 60_000
"""How far the clocks of two workers may be apart. What lies further ahead is from before a clock was set back."""


@dataclass(frozen=True, slots=True)
class ProviderMeter:
    """Where a provider stands: until when it asked to be left alone, and the token bucket's one number.

    `next_us` is the moment, in microseconds, at which the bucket would be full again (the generic cell rate algorithm):
    one number instead of a count and a time, and exact in both databases.
    """

    paused_until_ms: int = 0
    next_us: int = 0

    def pause_ms(self, now_ms: int) -> int:
        """How long the provider is still to be left alone."""
        left_ms = self.paused_until_ms - now_ms
        return left_ms if 0 < left_ms <= MAX_PAUSE_MS + _SKEW_MS else 0


def spend_token(pace: ProviderLimits, meter: ProviderMeter, now_ms: int) -> ProviderMeter | int:
    """The meter after one more order; or how many milliseconds it is until one may begin."""
    if pace.per_minute is None:
        return meter
    interval_us = round(60_000_000 / pace.per_minute)
    now_us, full_us = now_ms * 1000, pace.burst * interval_us
    ahead_us = meter.next_us - now_us
    if not 0 < ahead_us <= full_us + _SKEW_MS * 1000:
        ahead_us = 0
    early_us = ahead_us + interval_us - full_us
    if early_us > 0:
        return -(-early_us // 1000)
    return ProviderMeter(meter.paused_until_ms, now_us + ahead_us + interval_us)
