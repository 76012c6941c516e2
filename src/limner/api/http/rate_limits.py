"""Request rate limits and their headers (draft-ietf-httpapi-ratelimit-headers-11)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from limner.application.accounts.rate_limiters import RateLimiters
from limner.domain.accounts.rate_limit import RateLimit, RateLimitResult
from limner.domain.refusal import Code, Refusal


@dataclass(frozen=True, slots=True)
class RateStanding:
    """State of one rate limit after a request; `name` is its name in the headers."""

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
    """A limit of `per_second` for each key or account, with a burst of the same size. `what` names it in headers."""

    per_second: int
    what: str
    _buckets: RateLimiters = field(default_factory=RateLimiters)

    def check(self, who: str, now_ms: int) -> None:
        """Count one request of `who`; raises `Refusal` 1007 when it is over the limit."""
        self.take(who, now_ms).check()

    def take(self, who: str, now_ms: int, per_second: int | None = None) -> RateStanding:
        """Count one request of `who` unless it is over the limit. `per_second` overrides the default."""
        quota = RateLimit(per_second or self.per_second)
        return RateStanding(self.what, quota, self._buckets.take(who, quota, now_ms))


def rate_limit_headers(standings: Sequence[RateStanding]) -> dict[str, str]:
    """The RateLimit headers: `r` requests are left, and more in `t` seconds."""
    if not standings:
        return {}
    return {
        "RateLimit-Policy": ", ".join(
            f'"{each.name}";q={each.quota.amount};w={each.quota.window_s}' for each in standings
        ),
        "RateLimit": ", ".join(f'"{each.name}";r={each.level.left};t={each.level.more_in_s}' for each in standings),
    }
