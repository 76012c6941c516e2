"""How often one account may do something."""

from dataclasses import dataclass, field

from limner.domain.ids import AccountId
from limner.domain.refusal import Code, Refusal

LARGEST_MEMORY = 10_000


@dataclass(slots=True)
class Pace:
    """A token bucket per account: `per_second` in the long run, as many at once after a pause."""

    per_second: int
    what: str
    _buckets: dict[AccountId, tuple[float, int]] = field(default_factory=dict)

    def check(self, account: AccountId, now_ms: int) -> None:
        """Count one; raises `Refusal` when it is one too many."""
        tokens, since_ms = self._buckets.get(account, (float(self.per_second), now_ms))
        tokens = min(self.per_second, tokens + max(0, now_ms - since_ms) * self.per_second / 1000)
        if tokens < 1:
            raise Refusal(
                Code.RATE_LIMITED,
                f"more than {self.per_second} {self.what} in a second",
                suggestion="Wait for a second (`Retry-After`) and try again.",
                retry_after_s=1,
            )
        if len(self._buckets) >= LARGEST_MEMORY:
            self._buckets.clear()
        self._buckets[account] = tokens - 1, now_ms
