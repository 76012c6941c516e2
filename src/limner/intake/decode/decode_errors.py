"""What an image library throws at damaged bytes, put into one word of ours."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from limner.intake.formats.header import BrokenError

# What Pillow raises on damaged bytes. MemoryError is not among them: it is our trouble.
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
def telling_damage() -> Iterator[None]:
    """Whatever goes wrong inside is the picture's fault: `BrokenError` with the library's words, if they are words."""
    try:
        yield
    except _DAMAGE as error:
        raise BrokenError(_words(error)) from error


def _words(error: Exception) -> str:
    said = str(error).strip().rstrip(".")
    return said if said and said.isprintable() and len(said) < 120 else "its data is damaged"
