"""OpenAI's image models: what each family takes, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

SQUARE: Final = "1024x1024"
SQUARE_MEGAPIXEL: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """Prices in US dollars per million tokens."""

    text_in: float
    image_in: float
    image_out: float


@dataclass(frozen=True, slots=True)
class OpenAiFacts:
    """Limits and prices of one model family.

    `sizes` lists the only sizes the family supports; if empty, any size in steps of 16 up to a ratio of 3:1 works.
    `input_fidelity` is sent along with reference pictures. `usd` is the price of 1024x1024 pixels by quality, and of
    other sizes by quality and size, used when the answer has no token counts. `qualities` are the values of `quality`;
    `transparent` says whether the background may be.
    """

    sizes: tuple[str, ...] = ()
    input_fidelity: str | None = None
    rates: TokenPrices | None = None
    usd: Mapping[str, float] = field(default_factory=dict)
    qualities: tuple[str, ...] = ("low", "medium", "high")
    transparent: bool = False


_THREE_SIZES: Final = ("1024x1024", "1024x1536", "1536x1024")
_RATES: Final = TokenPrices(text_in=5, image_in=8, image_out=30)

_NEWEST: Final = OpenAiFacts(
    rates=_RATES,
    usd={"low": 0.00588, "medium": 0.01317, "high": 0.05268, "xhigh": 0.09366, "max": 0.21072},
    qualities=("low", "medium", "high", "xhigh", "max"),
    transparent=True,
)

# Limits from OpenAI's image guide, prices from its price list, November 2026. Those of 1 and 1.5 are left at Azure.
MODELS: Final[Mapping[str, OpenAiFacts]] = {
    "gpt-image-1-mini": OpenAiFacts(_THREE_SIZES, "low", TokenPrices(2, 2.5, 8), transparent=True),
    "gpt-image-1": OpenAiFacts(_THREE_SIZES, "high", transparent=True),
    "gpt-image-1.5": OpenAiFacts(
        _THREE_SIZES,
        "high",
        replace(_RATES, image_out=32),
        {"low": 0.009, "medium": 0.034, "high": 0.133},
        transparent=True,
    ),
    "gpt-image-2": OpenAiFacts(
        rates=_RATES,
        usd={
            "low": 0.006,
            "medium": 0.053,
            "high": 0.211,
            "high 1536x1024": 0.165,
            "high 1024x1536": 0.165,
            "high 3840x2160": 0.401,
        },
    ),
    "gpt-image-2.5": _NEWEST,
    "gpt-image-2.6": _NEWEST,
}
"""Families by model name prefix; the longest matching prefix applies. Unknown names get the newest models' limits."""

_UNKNOWN: Final = OpenAiFacts()


def facts_of(upstream: str, options: Mapping[str, Any]) -> OpenAiFacts:
    name = str(options.get("family", upstream))
    family = max((each for each in MODELS if name.startswith(each)), key=len, default="")
    known = MODELS.get(family, _UNKNOWN)
    return replace(known, **_parsed(configured)) if (configured := options.get("facts")) else known


def _parsed(configured: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the option `facts`, with the plain types of TOML and JSON, to fields of `OpenAiFacts`."""
    facts: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in configured.items()
    }
    if "rates" in facts:
        facts["rates"] = TokenPrices(**facts["rates"])
    return facts
