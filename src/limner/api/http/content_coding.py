"""Decodes the content coding and the charset of request bodies."""

import asyncio
import codecs
import zlib
from email.message import Message as MimeMessage

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message, Receive

from limner.domain.refusal import Code, Refusal, UnsupportedMedia

MIB = 1024 * 1024
PIECE = MIB

_WINDOW_BITS = {"gzip": 47, "x-gzip": 47, "deflate": 15}
"""What zlib is told of the format; with 47 it finds out."""

_ZLIB_HEADER = 2
"""Bytes by which zlib knows its own format."""

_GZIP = b"\x1f"
_NO_CODING = {"", "identity"}
_MOST_CODINGS = 3
_MOST_MEMBERS = 1024
"""Of a gzip body: each costs a copy of what is left of a piece."""

_UTF_8 = {"utf-8", "utf-8-sig", "ascii"}

_USUAL_TYPES = {"", "application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"}
"""Not parsed anew for each request."""

_NO_CHARSETS = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"}
"""Python codecs that are not charsets, or take quadratic time."""


async def decoded_body(request: Request) -> bytes:
    """The body in UTF-8; its content coding was undone by `decoded`. Raises `Refusal`: 415 for an unknown charset."""
    content_type = request.headers.get("content-type", "")
    charset = "utf-8" if content_type in _USUAL_TYPES else charset_of(content_type)
    body = b"".join([part async for part in request.stream()])  # request.body() would keep a copy
    return body if charset in _UTF_8 else await asyncio.to_thread(_as_utf_8, body, charset)


def _as_utf_8(body: bytes, charset: str) -> bytes:
    try:
        return body.decode(charset).encode()
    except ValueError as error:
        raise Refusal(
            Code.MALFORMED,
            f"the body is not in the charset of its Content-Type: {error}",
            suggestion="Send JSON in UTF-8.",
        ) from error


def decoded(headers: Headers, receive: Receive, cap: int) -> Receive:
    """`receive` of the body without its content coding, of at most `cap` bytes.

    A body that cannot be decoded is refused when it is read, 415 for an unknown coding: a wrong key is told first.
    """
    sent = headers.get("content-encoding", "").strip().lower()
    codings = [each for each in map(str.strip, sent.split(",")) if each not in _NO_CODING]
    if not _WINDOW_BITS.keys() >= set(codings) or len(codings) > _MOST_CODINGS:
        return _refusing(UnsupportedMedia(f"the Content-Encoding {sent[:40]!r} is not supported"))
    for coding in reversed(codings):  # they stand in the order in which they were applied
        receive = _Unpacking(receive, coding, cap)
    return receive


def _refusing(refusal: Refusal) -> Receive:
    async def refuse() -> Message:
        raise refusal

    return refuse


class _Unpacking:
    """A compressed body as it arrives, in pieces of at most `PIECE` bytes, however far a few bytes expand."""

    __slots__ = ("_cap", "_coding", "_fed", "_left", "_members", "_more", "_receive", "_seen", "_unpacker")

    def __init__(self, receive: Receive, coding: str, cap: int) -> None:
        self._receive, self._coding, self._cap = receive, coding, cap
        self._unpacker = zlib.decompressobj(wbits=_WINDOW_BITS[coding])
        self._left, self._more, self._seen = b"", True, 0
        self._fed, self._members = b"", 1

    async def __call__(self) -> Message:
        if not self._left:
            message = await self._receive()
            if message["type"] != "http.request":  # the client has left, perhaps after the end of the body
                return message
            self._left, self._more = message.get("body", b""), message.get("more_body", False)
        piece = await asyncio.to_thread(self._piece)
        self._seen += len(piece)
        if self._seen > self._cap:
            raise Refusal(
                Code.MALFORMED,
                f"the body is over {self._cap // MIB} MB when decompressed",
                suggestion="Send pictures of at most 20 MB, best with POST /upload, and name them by file_token.",
            )
        return {"type": "http.request", "body": piece, "more_body": bool(self._left) or self._more}

    def _piece(self) -> bytes:
        try:
            piece = self._unpacked()
            if not self._left and not self._more:
                piece += self._unpacker.flush()
        except zlib.error as error:
            raise self._damaged() from error
        if not self._left and not self._more and not self._unpacker.eof:
            raise self._damaged()
        return piece

    def _unpacked(self) -> bytes:
        given = self._left
        try:
            piece = self._unpacker.decompress(given, PIECE)
        except zlib.error:
            if self._coding != "deflate" or len(self._fed) >= _ZLIB_HEADER:
                raise
            # Many clients call the format deflate that has no header of zlib's.
            self._unpacker = zlib.decompressobj(wbits=-15)
            given = self._fed + given
            piece = self._unpacker.decompress(given, PIECE)
        self._fed = (self._fed + given)[:_ZLIB_HEADER]
        self._left = self._unpacker.unconsumed_tail
        if self._unpacker.eof:
            self._begin_next_member()
        return piece

    def _begin_next_member(self) -> None:
        """A gzip file may be several in a row (RFC 1952, section 2.2), with zeros after the last."""
        rest = self._unpacker.unused_data.lstrip(b"\0")
        if self._coding == "deflate" or not rest.startswith(_GZIP):
            return
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise self._damaged()
        self._unpacker, self._left = zlib.decompressobj(wbits=_WINDOW_BITS[self._coding]), rest

    def _damaged(self) -> Refusal:
        return Refusal(
            Code.MALFORMED,
            f"the body is not valid {self._coding}",
            suggestion="Compress it again, or send it without Content-Encoding.",
        )


def charset_of(content_type: str) -> str:
    """Python's name of the declared charset; UTF-8 if none is declared. Raises `UnsupportedMedia`."""
    header = MimeMessage()
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
