"""What a route's options leave to the caller of a task's optional fields."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from limner.domain.routing.abilities import Abilities

_NO_SIZE: Final[Mapping[str, Any]] = {"size_classes": frozenset(), "exact_size": None}
_NO_SHAPE: Final[Mapping[str, Any]] = {**_NO_SIZE, "aspect_ratio": False}

FIXED_BY: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "seed": {"seed": False},
        "aspect_ratio": {"aspect_ratio": False, "exact_size": None},
        **dict.fromkeys(("width", "height", "image_size"), _NO_SHAPE),
        **dict.fromkeys(("resolution", "megapixels"), _NO_SIZE),
        "size": _NO_SIZE,
        "quality": {"qualities": frozenset()},
        "background": {"transparent": False},
        "output_format": {"formats": frozenset()},
        "output_compression": {"compression": False},
        "output_quality": {"compression": False},
    }
)
"""What an upstream no longer obeys because its route has the option, for the field names that vendors share."""


def as_fixed_by(
    abilities: Abilities, options: Mapping[str, Any], fixed_by: Mapping[str, Mapping[str, Any]] = FIXED_BY
) -> Abilities:
    """The abilities that the options leave to callers: what an operator sets on a route counts."""
    for name in options.keys() & fixed_by.keys():
        abilities = replace(abilities, **fixed_by[name])
    return abilities
