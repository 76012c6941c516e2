"""Finding what was inserted into a file."""

import io
import random

import pytest

from limner.marking.changes import UnexplainedChanges, composed, dumped, inserted, loaded
from limner.marking.layout import Layout, MarkState, Splice

ORIGINAL = random.Random(1).randbytes(700_000)


def rebuilt(layout: Layout, original: bytes) -> bytes:
    pieces = layout.pieces(0, layout.size)
    return b"".join(piece if isinstance(piece, bytes) else original[slice(*piece)] for piece in pieces)


@pytest.mark.parametrize(
    "copy",
    [
        ORIGINAL,
        ORIGINAL[:33] + b"manifest" * 500 + ORIGINAL[33:],
        ORIGINAL[:4] + b"\1\2\3\4" + ORIGINAL[8:] + b"manifest" * 500,
        b"front" + ORIGINAL[:300_000] + b"middle" + ORIGINAL[300_000:] + b"back",
    ],
    ids=["nothing", "after the header", "a length and the end", "everywhere"],
)
def test_a_copy_is_rebuilt_from_the_original_and_its_changes(copy: bytes) -> None:
    pieces = inserted(io.BytesIO(ORIGINAL), len(ORIGINAL), memoryview(copy))
    layout = composed(Layout(len(ORIGINAL), MarkState.NONE), pieces, MarkState.SIGNED)

    assert rebuilt(layout, ORIGINAL) == copy
    assert loaded(dumped(layout)) == layout
    assert sum(len(each.inserted) for each in layout.splices) < 5_000


def test_changes_of_a_changed_copy_are_those_of_the_original() -> None:
    marked = Layout(len(ORIGINAL), MarkState.ADDED, [Splice(33, 0, b"mark"), Splice(500, 10, b"other")])
    first = rebuilt(marked, ORIGINAL)
    copy = first[:35] + b"inside the mark" + first[35:]
    pieces = inserted(io.BytesIO(first), len(first), memoryview(copy))

    assert rebuilt(composed(marked, pieces, MarkState.SIGNED), ORIGINAL) == copy


def test_a_copy_that_is_another_file_is_not_explained() -> None:
    other = random.Random(2).randbytes(700_000)
    with pytest.raises(UnexplainedChanges):
        inserted(io.BytesIO(ORIGINAL), len(ORIGINAL), memoryview(other))
