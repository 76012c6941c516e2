"""Google's image models: what each family takes and costs, and the rules for a route's options."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from limner.providers._http import Rules
from limner.providers._http.options import (
    boolean,
    json_value,
    non_negative,
    number_table,
    one_of,
    starts_with,
    table,
    text,
    text_list,
    whole_number,
)

_ASPECT_RATIOS: Final = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")


@dataclass(frozen=True, slots=True)
class GeminiFacts:
    """Limits and prices of one model family.

    `shapes` are its values of `aspectRatio`. `sizes` are its values of `imageSize`, the default first; if empty, the
    field must not be sent. `references` is the most reference pictures. Prices are per million tokens: of input, of
    words and thoughts, and of pictures (`usd_per_million_out`); `usd` is the price of a picture by size, used when the
    answer has no token counts. `thinks` says that the model takes a `thinkingLevel`.
    """

    shapes: tuple[str, ...] = _ASPECT_RATIOS
    sizes: tuple[str, ...] = ()
    references: int = 14
    usd_per_million_out: float | None = None
    usd_per_million_in: float = 0.0
    usd_per_million_words: float = 0.0
    usd: Mapping[str, float] = field(default_factory=dict)
    thinks: bool = False


_LONG_RATIOS: Final = (*_ASPECT_RATIOS, "1:4", "4:1", "1:8", "8:1")

# Limits from Google's image guide. Token prices give the price list's figures for a picture of each size.
MODELS: Final[Mapping[str, GeminiFacts]] = {
    "gemini-2.5-flash-image": GeminiFacts(
        references=10,
        usd_per_million_out=30,
        usd_per_million_in=0.30,
        usd_per_million_words=2.5,
        usd={"": 0.039},
    ),
    "gemini-3-pro-image": GeminiFacts(
        sizes=("1K", "2K", "4K"),
        usd_per_million_out=120,
        usd_per_million_in=2,
        usd_per_million_words=12,
        usd={"1K": 0.134, "2K": 0.134, "4K": 0.24},
    ),
    "gemini-3.1-flash-image": GeminiFacts(
        _LONG_RATIOS,
        ("1K", "512", "2K", "4K"),
        usd_per_million_out=60,
        usd_per_million_in=0.50,
        usd_per_million_words=3,
        usd={"512": 0.045, "1K": 0.067, "2K": 0.1008, "4K": 0.1512},
        thinks=True,
    ),
    "gemini-3.1-flash-lite-image": GeminiFacts(
        _LONG_RATIOS,
        ("1K",),
        usd_per_million_out=30,
        usd_per_million_in=0.25,
        usd_per_million_words=1.5,
        usd={"1K": 0.0336},
    ),
    "gemini-nano-banana-2.1": GeminiFacts(
        _LONG_RATIOS,
        ("1K", "2K", "4K"),
        usd_per_million_out=30,
        usd_per_million_in=1.50,
        usd_per_million_words=7.5,
        usd={"1K": 0.0336, "2K": 0.0504, "4K": 0.1134},
        thinks=True,
    ),
}
"""Families by model name prefix; the longest matching prefix applies. Unknown names get the smallest limits."""


def facts_of(upstream: str, options: Mapping[str, Any]) -> GeminiFacts:
    name = str(options.get("family", upstream))
    family = max((each for each in MODELS if name.startswith(each)), key=len, default="")
    return replace(MODELS.get(family, GeminiFacts()), **_parsed(options.get("facts", {})))


def _parsed(configured: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the option `facts`, with the plain types of TOML and JSON, to fields of `GeminiFacts`."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in configured.items()}


OPTIONS: Final[Rules] = {
    "api_version": text,
    "image_size": text,
    "thinking_level": one_of("minimal", "low", "medium", "high"),
    "safety_settings": json_value,
    "family": starts_with(*MODELS),
    "facts": table(
        {
            "shapes": text_list,
            "sizes": text_list,
            "references": whole_number,
            **dict.fromkeys(("usd_per_million_out", "usd_per_million_in", "usd_per_million_words"), non_negative),
            "usd": number_table,
            "thinks": boolean,
        },
        "fact",
    ),
}
"""The rules for options of an account and of a route."""
