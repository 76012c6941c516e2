"""A route to a model: a provider, the provider's name of the model, and the limits of one call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from limner.domain.prompts.dialect import PromptDialect
from limner.domain.routing.abilities import NO_ABILITIES, Abilities
from limner.domain.routing.prices import NO_PRICES, Prices


class UnknownOutcome(StrEnum):
    """The policy for a paid call that was cut off, so that the vendor may or may not have done the work."""

    RESEND_ONCE = "resend_once"
    FAIL_AND_REFUND = "fail_and_refund"


@dataclass(frozen=True, slots=True)
class Route:
    """`provider` is a configured provider's name, `upstream` its id of the model; `deadline_s` bounds one call.

    `options` are passed to the provider unchanged. `price_usd` is what one image costs where the vendor does not say;
    `prices` are those of other qualities and sizes. `reference_cap` is the most reference images that the provider
    takes on this route, None without a known limit. `abilities` are the fields of a task that the provider obeys on
    this route, `dialect` is that of its prompts, None until the provider has said it.
    """

    name: str
    provider: str
    upstream: str
    deadline_s: float
    unknown_outcome: UnknownOutcome
    options: Mapping[str, Any] = field(default_factory=dict)
    price_usd: float | None = None
    prices: Prices = NO_PRICES
    reference_cap: int | None = None
    abilities: Abilities = NO_ABILITIES
    dialect: PromptDialect | None = None

    def takes(self, references: int) -> bool:
        return self.reference_cap is None or references <= self.reference_cap
