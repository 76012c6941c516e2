"""A store that answers late, asks to slow down, refuses or goes away: a real S3 server behind a way that fails."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from limner.ports.blobs import StorageRefuses
from limner.storage.blobs import ObjectBlobs, open_blobs
from s3_server import S3Server

PICTURE = b"a picture"


def refusal(status: str, code: str) -> bytes:
    body = f"<Error><Code>{code}</Code><Message>Try later.</Message></Error>".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\nConnection: close"
    return head.encode() + b"\r\n\r\n" + body


SLOW_DOWN = refusal("503 Slow Down", "SlowDown")
INTERNAL = refusal("500 Internal Server Error", "InternalError")
DENIED = refusal("403 Forbidden", "AccessDenied")


@dataclass
class Way:
    """The way to a store. Its first connections get `answers`, or wait for `opened`; `asked` counts all."""

    port: int
    answers: list[bytes] = field(default_factory=list)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    connections: dict["asyncio.Task[None]", asyncio.StreamWriter] = field(default_factory=dict)

    def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        self.reached.set()
        self.connections[asyncio.create_task(self._serve(reader, writer))] = writer

    async def close(self) -> None:
        self.opened.set()
        for writer in self.connections.values():
            writer.transport.abort()
        await asyncio.gather(*self.connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if self.answers:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(self.answers.pop(0))
                await writer.drain()
            else:
                await self.opened.wait()
                await self._forward(reader, writer)
        writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, down = await asyncio.open_connection("127.0.0.1", self.port)
        both = [asyncio.create_task(_copied(reader, down)), asyncio.create_task(_copied(upstream, writer))]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        down.transport.abort()
        writer.close()
        await asyncio.gather(*both)


async def _copied(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while received := await source.read(65536):
            target.write(received)
            await target.drain()


@pytest.fixture
async def way(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Way]:
    made = Way(int(s3.endpoint.rpartition(":")[2]))
    server = await asyncio.start_server(made, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for name, value in (s3.variables | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}).items():
        monkeypatch.setenv(name, value)
    yield made
    server.close()
    await made.close()


@pytest.fixture
def blobs(way: Way, tmp_path: Path) -> ObjectBlobs:
    """A prefix of its own in the bucket."""
    return open_blobs(f"s3://pictures/{tmp_path.name}-{way.port}")


async def test_a_store_that_asks_to_slow_down_is_asked_again(blobs: ObjectBlobs, way: Way) -> None:
    way.answers += [SLOW_DOWN, INTERNAL]
    way.opened.set()
    stored = await blobs.identify(PICTURE)

    await blobs.put(PICTURE, stored)

    assert b"".join([piece async for piece in blobs.stream(stored.blob, 0, stored.size)]) == PICTURE
    assert way.asked >= 3


async def test_a_store_that_refuses_is_not_asked_again(blobs: ObjectBlobs, way: Way) -> None:
    way.answers += [DENIED] * 50
    stored = await blobs.identify(PICTURE)

    with pytest.raises(StorageRefuses):
        await blobs.put(PICTURE, stored)
    with pytest.raises(StorageRefuses):
        await blobs.check()

    assert way.asked == 2


async def test_a_slow_store_delays_nothing_else(blobs: ObjectBlobs, way: Way) -> None:
    """The event loop goes on, and so do pictures that are put meanwhile, each over its own connection."""
    many = [b"picture %d" % number for number in range(12)]
    putting = [asyncio.ensure_future(blobs.put(each, await blobs.identify(each))) for each in many]
    await way.reached.wait()
    waiting = sum(each.done() for each in putting)

    way.opened.set()
    await asyncio.gather(*putting)

    assert waiting == 0
    assert {each.blob async for page in blobs.names() for each in page} == {
        hashlib.sha256(each).hexdigest() for each in many
    }


async def test_a_put_that_is_given_up_while_the_store_is_slow_can_be_repeated(blobs: ObjectBlobs, way: Way) -> None:
    stored = await blobs.identify(PICTURE)
    putting = asyncio.ensure_future(blobs.put(PICTURE, stored))
    await way.reached.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting

    way.opened.set()
    await blobs.put(PICTURE, stored)

    assert await blobs.size(stored.blob) == len(PICTURE)
