"""Decodes the content coding and the charset of request bodies."""

import asyncio
import codecs
import zlib
from email.message import Message

from starlette.requests import Request

from limner.api.http.middleware import LARGEST_JSON, MIB
from limner.domain.refusal import Code, Refusal, UnsupportedMedia

_GZIP = {"gzip", "x-gzip"}
_NO_CODING = {"", "identity"}
_UTF_8 = {"utf-8", "utf-8-sig", "ascii"}

_USUAL_TYPES = {"", "application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"}
"""Not parsed anew for each request."""

_NO_CHARSETS = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"}
"""Python codecs that are not charsets, or take quadratic time."""


async def decoded_body(request: Request) -> bytes:
    """The body without content coding, in UTF-8. Raises `Refusal`: 415 for what cannot be decoded."""
    coding = request.headers.get("content-encoding", "").strip().lower()
    content_type = request.headers.get("content-type", "")
    charset = "utf-8" if content_type in _USUAL_TYPES else _charset(content_type)
    body = b"".join([part async for part in request.stream()])  # request.body() would keep a copy
    if coding in _NO_CODING and charset in _UTF_8:
        return body
    return await asyncio.to_thread(_decoded, body, coding, charset)


def _decoded(body: bytes, coding: str, charset: str) -> bytes:
    plain = _decompressed(body, coding)
    if charset in _UTF_8:
        return plain
    try:
        return plain.decode(charset).encode()
    except ValueError as error:
        raise Refusal(
            Code.MALFORMED,
            f"the body is not in the charset of its Content-Type: {error}",
            suggestion="Send JSON in UTF-8.",
        ) from error


def _decompressed(body: bytes, coding: str) -> bytes:
    if coding in _NO_CODING:
        return body
    if coding not in _GZIP | {"deflate"}:
        raise UnsupportedMedia(f"the Content-Encoding {coding[:40]!r} is not supported")
    unpacker = zlib.decompressobj(wbits=47 if coding in _GZIP else 15)
    try:
        plain = unpacker.decompress(body, LARGEST_JSON + 1)
    except zlib.error as error:
        raise _damaged(coding) from error
    if len(plain) > LARGEST_JSON:
        raise Refusal(
            Code.MALFORMED,
            f"the body is over {LARGEST_JSON // MIB} MB when decompressed",
            suggestion="Send pictures of at most 20 MB, best with POST /upload, and name them by file_token.",
        )
    if not unpacker.eof:
        raise _damaged(coding)
    return plain


def _damaged(coding: str) -> Refusal:
    return Refusal(
        Code.MALFORMED,
        f"the body is not valid {coding}",
        suggestion="Compress it again, or send it without Content-Encoding.",
    )


def _charset(content_type: str) -> str:
    """Python's name of the declared charset; UTF-8 if none is declared."""
    header = Message()
    header["Content-Type"] = content_type
    declared = header.get_param("charset", "utf-8")
    name = declared[2] if isinstance(declared, tuple) else declared or "utf-8"
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        raise _unknown_charset(name) from None
    if found.name.replace("-", "_") in _NO_CHARSETS or not found._is_text_encoding:  # noqa: SLF001 - no public way
        raise _unknown_charset(name)
    return found.name


def _unknown_charset(name: str) -> UnsupportedMedia:
    return UnsupportedMedia(f"the charset {name[:40]!r} is not known")
