"""A marked copy as a list of changes to the original, so that it is streamed without being built."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class MarkState(StrEnum):
    """What a delivered copy says about how it was made."""

    SIGNED = "signed"
    """A mark and a signed C2PA manifest were added."""
    ADDED = "added"
    """The mark was added."""
    VENDOR = "vendor"
    """The vendor's own mark is in it, and nothing was changed."""
    NONE = "none"
    """There is no mark: the container cannot take one, or marks are switched off."""


@dataclass(frozen=True, slots=True)
class Splice:
    """`inserted` replaces `removed` bytes of the original at `at`."""

    at: int
    removed: int
    inserted: bytes


@dataclass(frozen=True, slots=True)
class Layout:
    """The marked copy of a file of `original_size` bytes. The splices are in order and do not overlap."""

    original_size: int
    state: MarkState
    splices: Sequence[Splice] = ()

    @property
    def size(self) -> int:
        return self.original_size + sum(len(each.inserted) - each.removed for each in self.splices)

    @property
    def digest(self) -> str:
        """Names the changes; empty for none."""
        changed = hashlib.sha256()
        for each in self.splices:
            changed.update(b"%d %d %d " % (each.at, each.removed, len(each.inserted)) + each.inserted)
        return changed.hexdigest()[:16] if self.splices else ""

    def pieces(self, start: int, end: int) -> Iterator[bytes | tuple[int, int]]:
        """What the bytes from `start` to `end` of the copy consist of: inserted bytes, and ranges of the original."""
        at = 0
        for piece in self._pieces():
            length = len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
            first, last = max(start - at, 0), min(end - at, length)
            if first < last:
                yield piece[first:last] if isinstance(piece, bytes) else (piece[0] + first, piece[0] + last)
            at += length

    def _pieces(self) -> Iterator[bytes | tuple[int, int]]:
        at = 0
        for each in self.splices:
            yield at, each.at
            yield each.inserted
            at = each.at + each.removed
        yield at, self.original_size
