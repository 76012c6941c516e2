"""The size of a picture as a caller asks for it: a class (1K, 2K, 4K) or exact pixels, written "WIDTHxHEIGHT"."""

import re
from collections.abc import Iterable
from fractions import Fraction
from math import log

PIXELS_OF_CLASS = {"1K": 1024 * 1024, "2K": 2048 * 2048, "4K": 4096 * 4096}
"""About how many pixels a picture of each class has, whatever its shape."""

SIZE_CLASSES = tuple(PIXELS_OF_CLASS)
MIN_SIDE = 64
MAX_SIDE = 4096
MAX_RATIO = 8
"""The longer side of an exact size is at most so many times the shorter one."""

_EXACT = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")


def exact_size(size: str) -> tuple[int, int] | None:
    """Width and height of an exact size; None for a class, or a text that is no size."""
    found = _EXACT.fullmatch(size)
    return (int(found[1]), int(found[2])) if found else None


def normalised_size(text: str) -> str:
    """A size in its one spelling. Raises ValueError for a text that is none, or beyond what any model makes."""
    size = text.strip().lower().replace("×", "x")
    if size.upper() in SIZE_CLASSES:
        return size.upper()
    sides = exact_size(size)
    if sides is None:
        raise ValueError(f"one of {', '.join(SIZE_CLASSES)}, or WIDTHxHEIGHT in pixels")
    if not MIN_SIDE <= min(sides) <= max(sides) <= MAX_SIDE:
        raise ValueError(f"no model makes {size}: each side has {MIN_SIDE} to {MAX_SIDE} pixels")
    if max(sides) > MAX_RATIO * min(sides):
        raise ValueError(f"no model makes {size}: one side is at most {MAX_RATIO} times the other")
    return size


def shape_of(width: int, height: int) -> str:
    """The aspect ratio of so many pixels, as near as small numbers come."""
    shape = Fraction(width, height).limit_denominator(12)
    return f"{shape.numerator}:{shape.denominator}" if shape else f"1:{round(height / width)}"


def nearest_class(pixels: int, offered: Iterable[str]) -> str:
    """The offered class whose number of pixels is nearest, by their ratio."""
    return min(offered, key=lambda each: abs(log(PIXELS_OF_CLASS[each] / pixels)))
