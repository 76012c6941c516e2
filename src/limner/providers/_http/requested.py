"""What a request's optional fields mean for an upstream: its size in pixels, and what its route has fixed."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from limner.domain.picture_size import exact_size, shape_of
from limner.domain.routing.abilities import Abilities, SizeLimits
from limner.ports.provider import GenerationRequest

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


def requested_pixels(request: GenerationRequest, limits: SizeLimits) -> tuple[int, int] | None:
    """Width and height of the caller's size; None where it asks for none.

    A class takes the requested shape, else that of the first reference, else a square.
    """
    size = request.spec.size
    if size is None:
        return None
    if sides := exact_size(size):
        return limits.nearest(*sides)
    first = request.references[0] if request.references else None
    return limits.of_class(size, request.aspect_ratio or (shape_of(first.width, first.height) if first else "1:1"))
