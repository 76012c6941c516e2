"""Reading parts of a file on request, so that a parser of containers does no I/O and never needs the whole file."""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")

Reading = Generator[tuple[int, int], bytes, T]
"""A computation that yields the range of bytes it needs next, is sent them, and returns its result."""

READ_AHEAD = 256 * 1024


class UnreadableContainer(Exception):
    """The bytes do not follow the format."""


class Window:
    """A file of `size` bytes, of which one part is in memory."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._start = 0
        self._part = b""

    def read(self, start: int, length: int) -> Reading[bytes]:
        """Bytes of the file. Raises `UnreadableContainer` where it ends before."""
        end = start + length
        if end > self.size:
            raise UnreadableContainer(f"the file ends at {self.size} bytes, {end} are needed")
        if start < self._start or end > self._start + len(self._part):
            self._part = yield start, min(self.size, start + max(length, READ_AHEAD))
            self._start = start
        return self._part[start - self._start : end - self._start]
