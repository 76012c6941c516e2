"""JSON with pictures in base64 that is sent piece by piece: no whole picture is ever in memory, unless it is small."""

import base64
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import orjson
from starlette.responses import Response, StreamingResponse

from limner.application.images.open_picture import OpenedPicture

PIECE = 3 * 64 * 1024
"""Bytes encoded at a time: a multiple of three, so that the pieces' base64 can be joined."""

SMALL_ANSWER: Final = 256 * 1024
"""Bytes that are sent at once: a stream takes a task of its own, and each piece a way through all layers."""

PICTURE = f"picture {secrets.token_hex(16)}"
"""Stands in a document for the next picture. No caller can guess it."""


async def json_response(document: Any, pictures: Sequence[OpenedPicture], headers: Mapping[str, str]) -> Response:
    """The document with each `PICTURE` in it replaced by a picture's base64."""
    length, pieces = in_pieces(document, pictures)
    if length <= SMALL_ANSWER:
        return Response(b"".join([piece async for piece in pieces]), 200, headers, "application/json")
    return StreamingResponse(pieces, 200, {**headers, "Content-Length": str(length)}, "application/json")


def in_pieces(document: Any, pictures: Sequence[OpenedPicture]) -> tuple[int, AsyncIterator[bytes]]:
    """The document with each `PICTURE` in it replaced by a picture's base64: its length, and its pieces."""
    parts = orjson.dumps(document).split(PICTURE.encode())
    length = sum(map(len, parts)) + sum(_encoded_length(each.size) for each in pictures)
    return length, _joined(parts, pictures)


async def _joined(parts: Sequence[bytes], pictures: Sequence[OpenedPicture]) -> AsyncIterator[bytes]:
    for part, picture in zip(parts[:-1], pictures, strict=True):
        yield part
        async for piece in _encoded(picture):
            yield piece
    yield parts[-1]


async def _encoded(picture: OpenedPicture) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in picture.stream(0, picture.size):
        rest += piece
        whole = len(rest) - len(rest) % 3
        if whole >= PIECE:
            yield base64.b64encode(rest[:whole])
            rest = rest[whole:]
    yield base64.b64encode(rest)


def _encoded_length(size: int) -> int:
    return 4 * -(-size // 3)
