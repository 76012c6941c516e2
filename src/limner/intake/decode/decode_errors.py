"""Translates exceptions of image libraries on damaged data to `BrokenError`."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from limner.intake.formats.header import BrokenError

# What Pillow raises on damaged bytes. Not MemoryError: that is a fault of this server.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    AssertionError,
    struct.error,
    zlib.error,
)


@contextmanager
def damage_as_broken_error() -> Iterator[None]:
    """Raise `BrokenError` for exceptions in the block, with the library's message if it is printable."""
    try:
        yield
    except _DAMAGE as error:
        raise BrokenError(_message(error)) from error


def _message(error: Exception) -> str:
    said = str(error).strip().rstrip(".")
    return said if said and said.isprintable() and len(said) < 120 else "its data is damaged"
