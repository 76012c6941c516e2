"""ICC profiles for the code points of a PNG's cICP chunk (ITU-T H.273), so that HDR pictures are converted to sRGB."""

import math
import struct
from collections.abc import Callable, Sequence
from typing import Final

_Matrix = tuple[tuple[float, float, float], ...]

_D65: Final = (0.3127, 0.3290)
_D50: Final = (0.9642, 1.0, 0.8249)
_PRIMARIES: Final = {
    1: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),  # BT.709, sRGB
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),  # BT.601, 625 lines
    6: ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),  # BT.601, 525 lines
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020, BT.2100
    12: ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),  # Display P3
}
_BRADFORD: Final = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))

_REFERENCE_WHITE: Final = 203.0
"""Luminance of diffuse white in cd/m² (ITU-R BT.2408): it becomes a bright tone, highlights are compressed above it."""

_KNEE: Final = 0.6
_ENTRIES: Final = 4096


def profile(chunk: bytes) -> bytes | None:
    """The ICC profile of a cICP chunk; None for sRGB and for code points that are not supported."""
    if len(chunk) != 4:
        return None
    primaries, transfer, matrix, full_range = chunk
    if (primaries, transfer) in {(1, 13), (1, 1)} or matrix != 0 or full_range != 1:
        return None
    if primaries not in _PRIMARIES or transfer not in _TO_LINEAR:
        return None
    return _icc(_columns(primaries), _curve(_TO_LINEAR[transfer]))


# --- transfer functions: code value to light, 1 is white ----------------------------------------------------------


def _pq(value: float) -> float:
    """SMPTE ST 2084."""
    power = value ** (1 / 78.84375)
    light = max(0.0, power - 0.8359375) / (18.8515625 - 18.6875 * power)
    return _compressed(10_000 * light ** (1 / 0.1593017578125) / _REFERENCE_WHITE)


def _hlg(value: float) -> float:
    """ITU-R BT.2100, on a display of 1,000 cd/m² with a system gamma of 1.2."""
    scene = value * value / 3 if value <= 0.5 else (math.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return _compressed(1_000 * scene**1.2 / _REFERENCE_WHITE)


def _compressed(light: float) -> float:
    """Highlights are rolled off above the knee instead of clipped."""
    if light <= _KNEE:
        return light
    return _KNEE + (1 - _KNEE) * (1 - math.exp(-(light - _KNEE) / (1 - _KNEE)))


def _srgb(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


_TO_LINEAR: Final[dict[int, Callable[[float], float]]] = {
    1: _srgb,  # BT.709: displayed like sRGB
    4: lambda value: value**2.2,
    5: lambda value: value**2.8,
    6: _srgb,
    8: lambda value: value,
    13: _srgb,
    14: _srgb,
    15: _srgb,
    16: _pq,
    18: _hlg,
}


# --- the profile (ICC.1:2001) -------------------------------------------------------------------------------------


def _columns(primaries: int) -> Sequence[tuple[float, float, float]]:
    """XYZ of red, green and blue, adapted from D65 to the profile's D50."""
    xyz = tuple(zip(*(_xyz(each) for each in _PRIMARIES[primaries]), strict=True))
    scale = _times(_inverse(xyz), _xyz(_D65))
    source, target = _times(_BRADFORD, _xyz(_D65)), _times(_BRADFORD, _D50)
    gains = [to / of for of, to in zip(source, target, strict=True)]
    back = _inverse(_BRADFORD)
    columns = []
    for channel in range(3):
        cone = _times(_BRADFORD, [row[channel] * scale[channel] for row in xyz])
        columns.append(_times(back, [each * gain for each, gain in zip(cone, gains, strict=True)]))
    return columns


def _xyz(chromaticity: tuple[float, float]) -> tuple[float, float, float]:
    x, y = chromaticity
    return x / y, 1.0, (1 - x - y) / y


def _times(matrix: _Matrix, vector: Sequence[float]) -> tuple[float, float, float]:
    first, second, third = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return first, second, third


def _inverse(matrix: _Matrix) -> _Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    rows = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    return tuple((x / determinant, y / determinant, z / determinant) for x, y, z in rows)


def _curve(to_linear: Callable[[float], float]) -> bytes:
    values = (round(65535 * min(1.0, to_linear(n / (_ENTRIES - 1)))) for n in range(_ENTRIES))
    return b"curv\0\0\0\0" + struct.pack(f">I{_ENTRIES}H", _ENTRIES, *values)


def _icc(columns: Sequence[tuple[float, float, float]], curve: bytes) -> bytes:
    text = b"HDR\0"
    bodies = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": _point(_D50),
        **{name: _point(xyz) for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)},
        b"rTRC": curve,
    }
    offsets, at = {}, 128 + 4 + 12 * (len(bodies) + 2)
    for name, body in bodies.items():
        offsets[name] = (at, len(body))
        at += len(body) + -len(body) % 4
    offsets |= {b"gTRC": offsets[b"rTRC"], b"bTRC": offsets[b"rTRC"]}
    table = b"".join(name + struct.pack(">II", *place) for name, place in offsets.items())
    data = b"".join(body + bytes(-len(body) % 4) for body in bodies.values())
    return _head(at) + struct.pack(">I", len(offsets)) + table + data


def _head(size: int) -> bytes:
    start = struct.pack(">I4xI4s4s4s12x4s", size, 0x02100000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    return start.ljust(68, b"\0") + _point(_D50)[8:] + bytes(48)


def _point(xyz: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(each * 65536) for each in xyz))
