"""Filling the outlines of an SVG path, with nothing but arithmetic.

The icons use `<path d="...">` alone, so a whole SVG library would be a heavy guest for sixty lines of work.
"""

import itertools
import math
import re
from collections.abc import Iterator

import numpy as np

from limner_builtin.raster.pixels import Pixels

Point = complex
TOKEN = re.compile(r"[MmLlHhVvCcSsQqTtAaZz]|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
CURVE_STEPS = 12
SUBROWS = 4
ARGUMENTS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}


def filled(paths: list[str], size: int, viewbox: float, margin: float) -> Pixels:
    """Coverage of all `paths` (nonzero rule) on a square of `size` pixels that shows the viewbox and a margin."""
    scale = size / (viewbox + 2 * margin)
    outlines = [outline for path in paths for outline in outlines_of(path)]
    return _coverage([(np.array(outline) + complex(margin, margin)) * scale for outline in outlines], size)


def outlines_of(path: str) -> list[list[Point]]:
    """The path's closed polygons, curves flattened."""
    outlines: list[list[Point]] = []
    here, start, control, last = 0j, 0j, 0j, ""
    for command, numbers in _commands(path):
        kind = command.upper()
        base = here if command.islower() else 0j
        if kind == "M":
            here = start = base + complex(*numbers)
            outlines.append([here])
        elif kind == "Z":
            here = start
            outlines.append([here])
        else:
            points, control = _segment(kind, numbers, here, base, control if last in _FOLLOWS.get(kind, "") else here)
            outlines[-1].extend(points)
            here = points[-1]
        last = kind
    return [outline for outline in outlines if len(outline) > 2]


_FOLLOWS = {"S": "CS", "T": "QT"}
"""A smooth curve mirrors the control point of the curve before it, and only of its own kind."""


def _commands(path: str) -> Iterator[tuple[str, list[float]]]:
    command, numbers = "", list[float]()
    for token in TOKEN.findall(_arc_flags_apart(path)):
        if token.isalpha():
            command, numbers = token, []
        else:
            numbers.append(float(token))
        if command and len(numbers) == ARGUMENTS[command.upper()]:
            yield command, numbers
            numbers = []
            # further pairs after a moveto are lines
            command = {"M": "L", "m": "l"}.get(command, "" if command in "Zz" else command)


def _arc_flags_apart(path: str) -> str:
    """Minifiers write an arc's two flags without a space: `a5 5 0 01.5 2`."""
    number = r"[-+]?(?:\d+\.?\d*|\.\d+)"
    gap = r"[\s,]*"
    arc = re.compile(rf"({number}){gap}({number}){gap}({number}){gap}([01]){gap}([01]){gap}({number}){gap}({number})")
    return re.sub(r"([Aa])([^A-Za-z]*)", lambda m: m[1] + arc.sub(r" \1 \2 \3 \4 \5 \6 \7 ", m[2]), path)


def _segment(kind: str, numbers: list[float], here: Point, base: Point, control: Point) -> tuple[list[Point], Point]:  # noqa: PLR0911 - one answer a command
    """The points after `here`, and the control point that a smooth curve would mirror."""
    pairs = [base + complex(x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=False)]
    match kind:
        case "H":
            return [complex(base.real + numbers[0], here.imag)], here
        case "V":
            return [complex(here.real, base.imag + numbers[0])], here
        case "C":
            return _bezier(here, *pairs), pairs[1]
        case "S":
            return _bezier(here, 2 * here - control, *pairs), pairs[0]
        case "Q":
            return _bezier(here, *pairs), pairs[0]
        case "T":
            mirrored = 2 * here - control
            return _bezier(here, mirrored, pairs[0]), mirrored
        case "A":
            return _arc(here, numbers, base + complex(numbers[5], numbers[6])), here
        case _:
            return pairs, here


def _bezier(*knots: Point) -> list[Point]:
    points = []
    for step in range(1, CURVE_STEPS + 1):
        t, level = step / CURVE_STEPS, list(knots)
        while len(level) > 1:
            level = [a + (b - a) * t for a, b in itertools.pairwise(level)]
        points.append(level[0])
    return points


def _arc(start: Point, numbers: list[float], end: Point) -> list[Point]:
    """An elliptic arc by the SVG specification's centre parameterisation (its appendix B.2.4)."""
    rx, ry = abs(numbers[0]), abs(numbers[1])
    if start == end or not rx or not ry:
        return [end]
    turn = complex(math.cos(math.radians(numbers[2])), math.sin(math.radians(numbers[2])))
    half = (start - end) / 2 / turn
    stretch = math.hypot(half.real / rx, half.imag / ry)
    if stretch > 1:
        rx, ry = rx * stretch, ry * stretch
    # in the space where the ellipse is the unit circle
    a, b = complex(half.real / rx, half.imag / ry), -complex(half.real / rx, half.imag / ry)
    reach = math.sqrt(max(0.0, 1 / max(abs(a) ** 2, 1e-12) - 1))
    centre = a * 1j * reach * (1 if numbers[3] == numbers[4] else -1)
    first = math.atan2((a - centre).imag, (a - centre).real)
    sweep = (math.atan2((b - centre).imag, (b - centre).real) - first) % (2 * math.pi)
    if not numbers[4]:
        sweep -= 2 * math.pi
    middle = (start + end) / 2
    points = []
    for step in range(1, CURVE_STEPS + 1):
        angle = first + sweep * step / CURVE_STEPS
        on_circle = centre + complex(math.cos(angle), math.sin(angle))
        points.append(middle + complex(on_circle.real * rx, on_circle.imag * ry) * turn)
    points[-1] = end
    return points


def _coverage(outlines: list[np.ndarray], size: int) -> Pixels:
    """Winding numbers by running sums along each sub-row; every edge leaves its share in the two pixels it splits."""
    rows = size * SUBROWS
    winding = np.zeros((rows, size + 2))
    for outline in outlines:
        ends = np.roll(outline, -1)
        for a, b in zip(outline, ends, strict=True):
            top, bottom = (a, b) if a.imag < b.imag else (b, a)
            sign = 1 if a.imag < b.imag else -1
            first = max(0, math.ceil(top.imag * SUBROWS - 0.5))
            stop = min(rows, math.ceil(bottom.imag * SUBROWS - 0.5))
            if stop <= first:
                continue
            lines = np.arange(first, stop)
            t = ((lines + 0.5) / SUBROWS - top.imag) / (bottom.imag - top.imag)
            x = np.clip(top.real + t * (bottom.real - top.real), 0, size)
            column = np.floor(x).astype(int)
            share = x - column
            winding[lines, column] += sign * (1 - share)
            winding[lines, column + 1] += sign * share
    covered = np.minimum(np.abs(np.cumsum(winding, axis=1)), 1)[:, :size]
    coverage: Pixels = covered.reshape(size, SUBROWS, size).mean(1).astype(np.float32)
    return coverage
