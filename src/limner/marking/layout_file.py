"""A marked copy as a file that can be read, so that what takes a file needs no copy of it in memory."""

import io
from typing import BinaryIO

from limner.marking.layout import Layout


class LayoutFile(io.RawIOBase):
    """Reads the copy that `layout` makes of the original in `file`. Closing it leaves `file` open."""

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        super().__init__()
        self._file = file
        self._layout = layout
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._layout.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # any writable buffer comes
        view, filled = memoryview(buffer), 0
        for piece in self._layout.pieces(self._at, min(self._at + len(view), self._layout.size)):
            if isinstance(piece, bytes):
                view[filled : filled + len(piece)] = piece
                filled += len(piece)
            else:
                self._file.seek(piece[0])
                filled += self._file.readinto(view[filled : filled + piece[1] - piece[0]])  # type: ignore[attr-defined]
        self._at += filled
        return filled
