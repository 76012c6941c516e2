"""How often one may do something, and how clients are told: as in draft-ietf-httpapi-ratelimit-headers-11."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from limner.application.accounts.rate_limiters import RateLimiters
from limner.domain.accounts.rate_limit import RateLimit, RateLimitResult
from limner.domain.refusal import Code, Refusal


@dataclass(frozen=True, slots=True)
class RateStanding:
    """How one stands with a quota, which clients know by `name`."""

    name: str
    quota: RateLimit
    level: RateLimitResult

    def check(self) -> None:
        if not self.level.granted:
            raise Refusal(
                Code.RATE_LIMITED,
                f"more than {self.quota.amount} {self.name} in a second",
                suggestion="Wait for a second (`Retry-After`) and try again.",
                retry_after_s=self.level.more_in_s,
            )


@dataclass(slots=True)
class RequestRate:
    """A token bucket for each: `per_second` in the long run, as many at once after a pause."""

    per_second: int
    what: str
    _buckets: RateLimiters = field(default_factory=RateLimiters)

    def check(self, who: str, now_ms: int) -> None:
        """Count one; raises `Refusal` when it is one too many."""
        self.take(who, now_ms).check()

    def take(self, who: str, now_ms: int, per_second: int | None = None) -> RateStanding:
        """Count one, unless it is one too many. `per_second` is for who has a quota of its own."""
        quota = RateLimit(per_second or self.per_second)
        return RateStanding(self.what, quota, self._buckets.take(who, quota, now_ms))


def told(standings: Sequence[RateStanding]) -> dict[str, str]:
    """The fields that tell a client how it stands. `t` is how long it gets no more than `r`."""
    if not standings:
        return {}
    return {
        "RateLimit-Policy": ", ".join(
            f'"{each.name}";q={each.quota.amount};w={each.quota.window_s}' for each in standings
        ),
        "RateLimit": ", ".join(f'"{each.name}";r={each.level.left};t={each.level.more_in_s}' for each in standings),
    }
