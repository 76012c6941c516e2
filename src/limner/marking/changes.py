"""What was inserted into a file, found by comparing it with what was made of it; and changes of a changed copy."""

from collections.abc import Iterable, Sequence
from typing import BinaryIO, Final, TypeAlias

import orjson

from limner.marking.layout import Layout, MarkState, Splice

Piece: TypeAlias = bytes | tuple[int, int]
"""Inserted bytes, or a range of the original."""

_BLOCK: Final = 256 * 1024
_ANCHOR: Final = 32
_MAX_REMOVED: Final = 32
"""A container's own lengths and flags change beside what is inserted; they are not longer."""
MAX_INSERTED: Final = 512 * 1024


class UnexplainedChanges(Exception):
    """The copy is more than the original with something inserted."""


def inserted(original: BinaryIO, size: int, copy: memoryview) -> list[Piece]:
    """The pieces that `copy` consists of. Raises `UnexplainedChanges`."""
    pieces: list[Piece] = []
    at = place = 0
    while at < size:
        same = _common(original, at, size, copy[place:])
        if same:
            pieces.append((at, at + same))
            at, place = at + same, place + same
        if at < size:
            removed, end = _next_common(original, at, size, copy, place)
            pieces.append(bytes(copy[place:end]))
            at, place = at + removed, end
    if place < len(copy):
        pieces.append(bytes(copy[place:]))
    if sum(len(each) for each in pieces if isinstance(each, bytes)) > MAX_INSERTED:
        raise UnexplainedChanges(f"more than {MAX_INSERTED} bytes were inserted")
    return pieces


def _common(original: BinaryIO, start: int, size: int, copy: memoryview) -> int:
    """How many bytes from `start` on are those that `copy` begins with."""
    at = 0
    while at < len(copy) and start + at < size:
        original.seek(start + at)
        block = original.read(min(_BLOCK, size - start - at))
        theirs = copy[at : at + len(block)]
        if block != theirs:
            return at + _first_difference(block, theirs)
        at += len(block)
    return at


def _first_difference(one: bytes, other: memoryview) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def _next_common(original: BinaryIO, at: int, size: int, copy: memoryview, place: int) -> tuple[int, int]:
    """How many bytes of the original are missing, and where the copy goes on with those behind them."""
    window = bytes(copy[place : place + MAX_INSERTED])
    for removed in range(min(_MAX_REMOVED, size - at) + 1):
        original.seek(at + removed)
        anchor = original.read(_ANCHOR)
        if anchor and (found := window.find(anchor)) >= 0:
            return removed, place + found
    raise UnexplainedChanges(f"the copy differs from byte {at} of the original on")


def composed(first: Layout, pieces: Iterable[Piece], state: MarkState) -> Layout:
    """The layout of a copy that consists of `pieces` of the copy that `first` makes."""
    flat: list[Piece] = []
    for piece in pieces:
        flat += [piece] if isinstance(piece, bytes) else first.pieces(*piece)
    return Layout(first.original_size, state, _splices(flat, first.original_size))


def _splices(pieces: Sequence[Piece], size: int) -> list[Splice]:
    splices, at, waiting = [], 0, b""
    for piece in [*pieces, (size, size)]:
        if isinstance(piece, bytes):
            waiting += piece
            continue
        start, end = piece
        if waiting or start > at:
            splices.append(Splice(at, start - at, waiting))
        at, waiting = max(at, end), b""
    return splices


def dumped(layout: Layout) -> bytes:
    """The layout as bytes that can be stored: a line of JSON, and what is inserted."""
    places = [[each.at, each.removed, len(each.inserted)] for each in layout.splices]
    head = orjson.dumps({"size": layout.original_size, "state": layout.state, "splices": places})
    return head + b"\n" + b"".join(each.inserted for each in layout.splices)


def loaded(data: bytes) -> Layout:
    line, _, content = data.partition(b"\n")
    head, splices, at = orjson.loads(line), [], 0
    for place, removed, length in head["splices"]:
        splices.append(Splice(place, removed, content[at : at + length]))
        at += length
    return Layout(head["size"], MarkState(head["state"]), splices)
