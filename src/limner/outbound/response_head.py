"""What is accepted in the head of an HTTP response, for every client."""

from typing import Final, TypedDict


class HeadLimits(TypedDict):
    """Keyword arguments of `aiohttp.ClientSession`."""

    max_line_size: int
    max_field_size: int
    max_headers: int


HEAD_LIMITS: Final[HeadLimits] = {"max_line_size": 65_536, "max_field_size": 65_536, "max_headers": 256}
"""aiohttp stops at 8190 bytes a header, and content security policies or cookies are longer at times."""

_COMPRESSIONS: Final = frozenset({"gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd", "dcb", "dcz"})


def compression(content_encoding: str) -> str | None:
    """The compression that a `Content-Encoding` header names, None where it names none.

    Object stores keep `aws-chunked` of an upload in the header of the plain object.
    """
    names = (each.strip().lower() for each in content_encoding.split(","))
    return next((name for name in names if name in _COMPRESSIONS), None)
