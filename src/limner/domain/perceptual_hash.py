"""The perceptual hash of a picture: 288 bytes that say what it looks like.

By it a picture is found again that was scaled, encoded anew or stripped of metadata.

It is a grid of 16 x 16 brightnesses, then two of 4 x 4 colour differences. Whether two pictures are alike is
decided by their hashes. To find candidates among a million, the signs of the 64 lowest frequencies of the brightness
make four *bands* of 16 bits, from the coarsest to the finest: pictures that are alike agree in one of them nearly
always.
"""

import math
from collections.abc import Sequence
from itertools import combinations
from operator import mul, sub
from typing import Final

SIDE: Final = 16
COLOUR_SIDE: Final = 4
HASH_BYTES: Final = SIDE * SIDE + 2 * COLOUR_SIDE * COLOUR_SIDE

BANDS: Final = 4
BAND_BITS: Final = 16

LEAST_CONTRAST: Final = 4.0
"""Standard deviation of the brightness, in levels of 256: a flatter picture has nothing to recognise it by."""

MOST_DIFFERENCE: Final = 0.2
"""The root mean square of the differences of brightness, in units of the contrast, once levels were adjusted."""

MOST_COLOUR_DIFFERENCE: Final = 10.0
"""The root mean square of the differences of colour, in levels of 256."""

UNSURE_BITS: Final = 4
"""Per band: the bits whose frequencies are the weakest are looked up both ways."""

_FREQUENCIES: Final = sorted(
    ((u, v) for u in range(SIDE) for v in range(SIDE) if u + v > 0), key=lambda each: (sum(each), each)
)[: BANDS * BAND_BITS]
"""The lowest ones but the mean."""

_USED: Final = 1 + max(max(each) for each in _FREQUENCIES)
_WAVES: Final = [
    [math.cos(math.pi * wave * (2 * place + 1) / (2 * SIDE)) for place in range(SIDE)] for wave in range(_USED)
]


def bands(phash: bytes) -> tuple[int, ...] | None:
    """The bands by which a hash is found; None for one that has too little contrast."""
    if not _contrast(_brightness(phash)) >= LEAST_CONTRAST:
        return None
    return tuple(_band(strengths) for strengths in _strengths(phash))


def probes(phash: bytes) -> list[list[int]]:
    """For each band the values to look up: its own first, then those with its least sure bits the other way."""
    return [_variants(strengths) for strengths in _strengths(phash)]


def are_alike(one: bytes, other: bytes) -> bool:
    """Whether two hashes are of the same picture. Both have enough contrast."""
    ours, theirs = _brightness(one), _brightness(other)
    contrast, other_contrast = _contrast(ours), _contrast(theirs)
    if not 0.5 < contrast / (other_contrast or 1) < 2:
        return False
    if _root_mean_square(_standardised(ours, contrast), _standardised(theirs, other_contrast)) > MOST_DIFFERENCE:
        return False
    return _root_mean_square(one[SIDE * SIDE :], other[SIDE * SIDE :]) <= MOST_COLOUR_DIFFERENCE


def _brightness(phash: bytes) -> bytes:
    return phash[: SIDE * SIDE]


def _contrast(values: bytes) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(max(0.0, sum(map(mul, values, values)) / len(values) - mean * mean))


def _standardised(values: bytes, contrast: float) -> list[float]:
    mean = sum(values) / len(values)
    return [(each - mean) / contrast for each in values]


def _root_mean_square(one: Sequence[float], other: Sequence[float]) -> float:
    differences = list(map(sub, one, other))
    return math.sqrt(sum(map(mul, differences, differences)) / len(differences))


def _strengths(phash: bytes) -> list[list[float]]:
    """The frequencies' strengths by band."""
    rows = [phash[start : start + SIDE] for start in range(0, SIDE * SIDE, SIDE)]
    by_row = [[sum(map(mul, row, wave)) for row in rows] for wave in _WAVES]
    found = [sum(map(mul, by_row[u], _WAVES[v])) for u, v in _FREQUENCIES]
    return [found[start : start + BAND_BITS] for start in range(0, len(found), BAND_BITS)]


def _band(strengths: Sequence[float]) -> int:
    return sum(1 << place for place, each in enumerate(strengths) if each > 0)


def _variants(strengths: Sequence[float]) -> list[int]:
    band = _band(strengths)
    weakest = sorted(range(BAND_BITS), key=lambda place: abs(strengths[place]))[:UNSURE_BITS]
    flips = [chosen for count in range(UNSURE_BITS + 1) for chosen in combinations(weakest, count)]
    return [band ^ sum(1 << place for place in chosen) for chosen in flips]
