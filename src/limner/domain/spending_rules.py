"""What callers and operators allow a task to cost at vendors, and which fallbacks they consent to."""

from dataclasses import dataclass
from enum import StrEnum


class Fallback(StrEnum):
    """Which other routes a task may take when the first of them fails."""

    NEVER = "never"
    SAME_PRICE = "same_price"
    """Routes that are known to cost no more, to a model of the same family."""
    ANY = "any"


_STRICTEST = tuple(Fallback)


@dataclass(frozen=True, slots=True)
class SpendingRules:
    """The rules of one task, key or account; None is no rule.

    `max_vendor_usd` caps the vendor's price of one picture.
    """

    max_vendor_usd: float | None = None
    fallback: Fallback | None = None

    def with_all(self, *others: "SpendingRules") -> "SpendingRules":
        """The strictest of these rules and of all others."""
        every = (self, *others)
        caps = [each.max_vendor_usd for each in every if each.max_vendor_usd is not None]
        fallbacks = [each.fallback for each in every if each.fallback is not None]
        return SpendingRules(min(caps, default=None), min(fallbacks, key=_STRICTEST.index, default=None))


NO_RULES = SpendingRules()
