"""Request bodies as sequences of pieces: pictures stream from disk and are never held in memory."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# A multiple of three, so that the base64 of a block has no padding.
_BLOCK: Final = 3 * 64 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """A field of a multipart form: text, or a file on disk that is sent under `filename`."""

    name: str
    value: str | Path
    filename: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Base64File:
    """Stands in a JSON body for a file's bytes."""

    path: Path
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class RequestBody:
    """`pieces` are sent one after the other; a path is sent as its file's bytes."""

    content_type: str
    pieces: tuple[bytes | Path | Base64File, ...]

    async def size(self) -> int:
        if all(isinstance(piece, bytes) for piece in self.pieces):
            return sum(map(_size, self.pieces))
        return await asyncio.to_thread(lambda: sum(map(_size, self.pieces)))

    async def stream(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            async for block in _blocks(piece):
                yield block


def file_as_base64(path: Path, prefix: str = "") -> Base64File:
    """A JSON string: `prefix` and the file's bytes in base64, read while they are sent."""
    return Base64File(path, prefix)


def json_body(value: Any) -> RequestBody:
    return RequestBody("application/json", tuple(_merged(_json(value))))


def form_body(parts: Sequence[Part], boundary: str) -> RequestBody:
    pieces = (piece for part in parts for piece in _part(part, boundary))
    end = f"--{boundary}--\r\n".encode()
    return RequestBody(f"multipart/form-data; boundary={boundary}", tuple(_merged([*pieces, end])))


def _json(value: Any) -> Iterator[bytes | Base64File]:
    match value:
        case Base64File():
            yield from (b'"', value, b'"')
        case dict():
            for place, (key, item) in enumerate(value.items()):
                yield f"{',' if place else '{'}{json.dumps(key)}:".encode()
                yield from _json(item)
            yield b"}" if value else b"{}"
        case list() | tuple():
            for place, item in enumerate(value):
                yield b"," if place else b"["
                yield from _json(item)
            yield b"]" if value else b"[]"
        case _:
            yield json.dumps(value, allow_nan=False).encode()


def _part(part: Part, boundary: str) -> Iterator[bytes | Path]:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(part.name)}"'
    if part.filename is not None:
        head += f'; filename="{_quoted(part.filename)}"'
    if part.content_type is not None:
        head += f"\r\nContent-Type: {part.content_type}"
    yield f"{head}\r\n\r\n".encode()
    yield part.value if isinstance(part.value, Path) else part.value.encode()
    yield b"\r\n"


def _quoted(text: str) -> str:
    """As browsers do it (HTML, "multipart form data")."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _merged(
    pieces: Iterator[bytes | Base64File] | Sequence[bytes | Path | Base64File],
) -> Iterator[bytes | Path | Base64File]:
    """Merge adjacent bytes: fewer, larger writes."""
    run = bytearray()
    for piece in pieces:
        if isinstance(piece, bytes):
            run += piece
            continue
        yield bytes(run)
        run.clear()
        yield piece
    yield bytes(run)


def _size(piece: bytes | Path | Base64File) -> int:
    match piece:
        case bytes():
            return len(piece)
        case Path():
            return piece.stat().st_size
        case Base64File(path, prefix):
            return len(prefix.encode()) + (path.stat().st_size + 2) // 3 * 4


async def _blocks(piece: Path | Base64File) -> AsyncIterator[bytes]:
    if isinstance(piece, Path):
        async for block in _file(piece):
            yield block
        return
    yield piece.prefix.encode()
    async for block in _file(piece.path):
        yield base64.b64encode(block)


async def _file(path: Path) -> AsyncIterator[bytes]:
    at = 0
    while block := await asyncio.to_thread(_read, path, at):
        yield block
        at += len(block)


def _read(path: Path, at: int) -> bytes:
    """A block of the file. It is opened for each block, so that a cancelled call leaves nothing open."""
    with path.open("rb") as file:
        file.seek(at)
        return file.read(_BLOCK)
