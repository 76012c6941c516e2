"""How far this host's clock is from the database's."""

from dataclasses import dataclass

from limner.db.store import Store
from limner.ports.clock import Clock

MAX_SKEW_MS = 2_000
"""More than this disturbs deadlines, signed links and webhook signatures. Leases do not depend on it."""


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """`ms` is positive when this host's clock is ahead. The true value is at most `uncertainty_ms` away."""

    ms: int
    uncertainty_ms: int

    @property
    def is_small(self) -> bool:
        return abs(self.ms) <= MAX_SKEW_MS + self.uncertainty_ms


async def measure_skew(store: Store, clock: Clock) -> ClockSkew:
    """Compare this host's clock with PostgreSQL's. On SQLite, whose users share one machine, the skew is 0."""
    await store.read(lambda records: records.shared_now_ms(0))  # the first call may have to connect
    before_ms = clock.now_ms()
    shared_ms = await store.read(lambda records: records.shared_now_ms(before_ms))
    half_ms = (clock.now_ms() - before_ms + 1) // 2
    return ClockSkew(before_ms + half_ms - shared_ms if shared_ms != before_ms else 0, half_ms)
