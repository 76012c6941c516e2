"""The marked copy of a picture, by its format. What cannot be read is left as it is."""

from collections.abc import Callable
from typing import Final

from limner.marking.jpeg import jpeg_layout
from limner.marking.layout import Layout, MarkState
from limner.marking.png import png_layout
from limner.marking.webp import webp_layout
from limner.marking.window import Reading, UnreadableContainer, Window
from limner.marking.xmp import Mark

_FORMATS: Final[dict[str, Callable[[Window, Mark], Reading[Layout]]]] = {
    "image/png": png_layout,
    "image/jpeg": jpeg_layout,
    "image/webp": webp_layout,
}


def marked_layout(media_type: str, size: int, mark: Mark) -> Reading[Layout]:
    """The layout of the marked copy of a file of `size` bytes; without changes where it has a mark or takes none."""
    unchanged = Layout(size, MarkState.NONE)
    if media_type not in _FORMATS:
        return unchanged
    try:
        return (yield from _FORMATS[media_type](Window(size), mark))
    except UnreadableContainer:
        return unchanged


def marked_bytes(media_type: str, data: bytes, mark: Mark) -> bytes:
    """The marked copy of a picture in memory."""
    reading = marked_layout(media_type, len(data), mark)
    try:
        start, end = next(reading)
        while True:
            start, end = reading.send(data[start:end])
    except StopIteration as finished:
        layout: Layout = finished.value
    pieces = (piece if isinstance(piece, bytes) else data[slice(*piece)] for piece in layout.pieces(0, layout.size))
    return b"".join(pieces)
