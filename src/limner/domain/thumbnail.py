"""The sizes of thumbnails."""

SIDES = (96, 192, 320, 640)
"""The longest sides in pixels. A thumbnail of another size is one of the next larger."""

DEFAULT_SIDE = 320


def side_for(wanted: int) -> int:
    """The side of the thumbnail to show at `wanted` pixels."""
    return next((side for side in SIDES if side >= wanted), SIDES[-1])
