"""What of a task's optional fields one upstream obeys: plain data, declared by its adapter."""

from dataclasses import dataclass, replace
from math import log
from typing import Any

from limner.domain.aspect_ratio import ratio
from limner.domain.picture_size import PIXELS_OF_CLASS

OUTPUT_FORMATS = ("png", "jpeg", "webp")
QUALITIES = ("low", "medium", "high", "xhigh", "max")
"""From the cheapest to the best."""


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """The exact sizes that an upstream makes.

    Both sides are multiples of `step` from `least` to `most`, with at least `min_pixels` and at most `max_pixels` in
    all, and the longer side is at most `ratio` times the shorter. `only`, where set, lists the sizes instead.
    """

    step: int = 1
    least: int = 64
    most: int = 4096
    min_pixels: int = 0
    max_pixels: int = 4096 * 4096
    ratio: float = 8.0
    only: tuple[tuple[int, int], ...] = ()

    def nearest(self, width: float, height: float) -> tuple[int, int]:
        """The size made that is nearest to the wanted one: first in its shape, then in its pixels."""
        if self.only:
            return min(self.only, key=lambda each: _difference(each, width, height))
        width, height = min(width, height * self.ratio), min(height, width * self.ratio)
        pixels = width * height
        scale = (min(max(pixels, self.min_pixels), self.max_pixels) / pixels) ** 0.5
        scale = min(scale, self.most / max(width, height))
        return self._fitted(width * scale, height * scale)

    def classes(self) -> frozenset[str]:
        """The size classes of which a square comes near: within a tenth of its pixels."""
        squares = {each: self.nearest(pixels**0.5, pixels**0.5) for each, pixels in PIXELS_OF_CLASS.items()}
        near = {
            each for each, (width, height) in squares.items() if abs(width * height / PIXELS_OF_CLASS[each] - 1) < 0.1
        }
        return frozenset(near)

    def of_class(self, size: str, shape: str) -> tuple[int, int]:
        """The size made that is nearest to a class in a shape, "W:H"."""
        pixels, across = PIXELS_OF_CLASS[size], ratio(shape)
        return self.nearest((pixels * across) ** 0.5, (pixels / across) ** 0.5)

    def _fitted(self, width: float, height: float) -> tuple[int, int]:
        """Whole steps within all limits, found from the nearest ones."""
        sides = [self._stepped(width), self._stepped(height)]
        while sides[0] * sides[1] > self.max_pixels or max(sides) > self.ratio * min(sides):
            sides[sides.index(max(sides))] -= self.step
        while sides[0] * sides[1] < self.min_pixels:
            sides[sides.index(min(sides))] += self.step
        return sides[0], sides[1]

    def _stepped(self, side: float) -> int:
        lowest, highest = -(-self.least // self.step), self.most // self.step
        return self.step * max(lowest, min(highest, round(side / self.step)))


def _difference(size: tuple[int, int], width: float, height: float) -> tuple[float, float]:
    """How far a size is from the wanted one in shape, then in pixels."""
    return abs(log(size[0] * height / (size[1] * width))), abs(log(size[0] * size[1] / (width * height)))


@dataclass(frozen=True, slots=True)
class Abilities:
    """The fields of a task that an upstream obeys, with their values. An adapter that declares none obeys none.

    `size_classes` are those of 1K, 2K and 4K that it makes; `exact_size` is None for one that takes no pixels. One
    that `needs_mask` only redraws what a mask shows.
    """

    aspect_ratio: bool = False
    seed: bool = False
    size_classes: frozenset[str] = frozenset()
    exact_size: SizeLimits | None = None
    qualities: frozenset[str] = frozenset()
    transparent: bool = False
    formats: frozenset[str] = frozenset()
    compression: bool = False
    mask: bool = False
    partial_images: bool = False
    needs_mask: bool = False

    def as_json(self) -> dict[str, Any]:
        """The values for listings; a field that is not obeyed is left out."""
        flags = ("aspect_ratio", "seed", "transparent", "compression", "mask", "needs_mask", "partial_images")
        return {
            **{name: True for name in flags if getattr(self, name)},
            **_listed("size_classes", sorted(self.size_classes)),
            **_listed("qualities", [each for each in QUALITIES if each in self.qualities]),
            **_listed("formats", [each for each in OUTPUT_FORMATS if each in self.formats]),
            **({"exact_size": True} if self.exact_size else {}),
        }


OPTIONAL_FIELDS = {
    "size": ("size_classes", "exact_size"),
    "quality": ("qualities",),
    "background": ("transparent",),
    "output_format": ("formats",),
    "output_compression": ("compression",),
    "mask": ("mask",),
    "seed": ("seed",),
    "partial_images": ("partial_images",),
}
"""The fields of a task that a model may be kept from, and what an upstream declares for each."""


def limited(
    abilities: Abilities, obeys: frozenset[str] | None, sizes: tuple[str, ...], qualities: tuple[str, ...] = ()
) -> Abilities:
    """The abilities for only the fields that `obeys` names, where it names any, and the `sizes` and `qualities`."""
    if qualities:
        abilities = replace(abilities, qualities=abilities.qualities & frozenset(qualities))
    if obeys is not None:
        left_out = [name for field, names in OPTIONAL_FIELDS.items() if field not in obeys for name in names]
        abilities = replace(abilities, **{name: getattr(NO_ABILITIES, name) for name in left_out})
    if not sizes:
        return abilities
    exact, most = abilities.exact_size, max(PIXELS_OF_CLASS[size] for size in sizes)
    return replace(
        abilities,
        size_classes=abilities.size_classes & frozenset(sizes),
        exact_size=replace(exact, max_pixels=min(exact.max_pixels, most)) if exact else None,
    )


def _listed(name: str, values: list[str]) -> dict[str, list[str]]:
    return {name: values} if values else {}


NO_ABILITIES = Abilities()
