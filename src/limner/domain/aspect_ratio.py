"""The shapes of pictures: ratios written "W:H", and what a vendor that draws only some of them makes of one."""

import math
from collections.abc import Iterable


def ratio(shape: str) -> float:
    """Width over height of a "W:H"."""
    width, height = shape.split(":")
    return int(width) / int(height)


def nearest(wanted: str, offered: Iterable[str]) -> str:
    """The offered shape that looks most like the wanted one."""
    return min(offered, key=lambda each: _distance(wanted, each))


def within(wanted: str, tallest: str, widest: str) -> str:
    """The wanted shape where it lies between the two, else the one it goes beyond."""
    if ratio(tallest) <= ratio(wanted) <= ratio(widest):
        return wanted
    return nearest(wanted, (tallest, widest))


def size_for(wanted: str, *, pixels: int, step: int, least: int, most: int) -> tuple[int, int]:
    """Width and height of about `pixels` in all, each a multiple of `step` from `least` to `most`."""
    longer = math.sqrt(pixels * max(ratio(wanted), 1 / ratio(wanted)))
    shrunk = min(1.0, most / longer)
    width = math.sqrt(pixels * ratio(wanted)) * shrunk
    height = math.sqrt(pixels / ratio(wanted)) * shrunk
    return _stepped(width, step, least, most), _stepped(height, step, least, most)


def _stepped(side: float, step: int, least: int, most: int) -> int:
    return max(least, min(most, round(side / step) * step))


def _distance(one: str, other: str) -> float:
    return abs(math.log(ratio(one) / ratio(other)))
