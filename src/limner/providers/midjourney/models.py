"""Midjourney's models, and the rules for the options of an account and of a route."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from limner.providers._http import JOB_RULES, Rules, provider_only, set_by_limner
from limner.providers._http.options import one_of, text
from limner.providers.midjourney.fail_reasons import meanings

OWN_OPTIONS: Final = frozenset({"pick", "flags"})


@dataclass(frozen=True, slots=True)
class MidjourneyFacts:
    """What one of Midjourney's models takes; `fixed` names the model to the relay."""

    pictures: int = 5
    fixed: Mapping[str, Any] = field(default_factory=dict)


MODELS: Final[Mapping[str, MidjourneyFacts]] = {
    "midjourney": MidjourneyFacts(),
    "niji": MidjourneyFacts(fixed={"botType": "NIJI_JOURNEY"}),
}


_PICKS: Final = ("upscale", "crop")
_AUTH_SCHEMES: Final = ("both", "secret", "bearer")

ACCOUNT_OPTIONS: Final[Rules] = {**JOB_RULES, "auth": one_of(*_AUTH_SCHEMES), "fail_reasons": meanings}

OPTIONS: Final[Rules] = {
    "pick": one_of(*_PICKS),
    "flags": text,
    **dict.fromkeys(("prompt", "state", "base64Array"), set_by_limner),
    **dict.fromkeys(ACCOUNT_OPTIONS, provider_only),
}
"""Rules for a route's options, besides the relay's own fields."""
