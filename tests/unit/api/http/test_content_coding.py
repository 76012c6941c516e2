"""A compressed body is the same in pieces of any size."""

import gzip
import zlib

import pytest
from starlette.datastructures import Headers
from starlette.types import Message, Receive

from limner.api.http.content_coding import decoded
from limner.domain.refusal import Refusal, UnsupportedMedia

TEXT = b'{"prompt": "a fox"}' * 50
CAP = 1024 * 1024
BODIES = {
    "gzip": ("gzip", gzip.compress(TEXT)),
    "several members": ("gzip", b"".join(gzip.compress(TEXT[at : at + 400]) for at in range(0, len(TEXT), 400))),
    "an empty member": ("x-gzip", gzip.compress(b"") + gzip.compress(TEXT) + gzip.compress(b"")),
    "zeros behind it": ("gzip", gzip.compress(TEXT) + bytes(600)),
    "bytes behind it": ("gzip", gzip.compress(TEXT) + b"trailer"),
    "zlib": ("deflate", zlib.compress(TEXT)),
    "raw deflate": ("deflate", zlib.compress(TEXT)[2:-4]),
    "twice": ("deflate, gzip", gzip.compress(zlib.compress(TEXT))),
    "not at all": ("identity", TEXT),
}


def sender(body: bytes, size: int) -> Receive:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]

    async def receive() -> Message:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    return receive


async def unpacked(coding: str, body: bytes, size: int = 65536) -> bytes:
    receive = decoded(Headers({"content-encoding": coding}), sender(body, size), CAP)
    whole, more = b"", True
    while more:
        message = await receive()
        whole += message["body"]
        more = message["more_body"]
    return whole


@pytest.mark.parametrize("size", [1, 7, 100, 65536])
@pytest.mark.parametrize("name", BODIES)
async def test_a_body_is_unpacked_from_pieces_of_any_size(name: str, size: int) -> None:
    assert await unpacked(*BODIES[name], size) == TEXT


@pytest.mark.parametrize("name", ["gzip", "several members", "zlib", "raw deflate", "twice"])
async def test_a_body_that_is_cut_is_refused(name: str) -> None:
    coding, body = BODIES[name]

    with pytest.raises(Refusal, match="is not valid"):
        await unpacked(coding, body[:-5])


async def test_members_without_end_are_refused() -> None:
    with pytest.raises(Refusal, match="is not valid gzip"):
        await unpacked("gzip", gzip.compress(b"") * 2000)


@pytest.mark.parametrize("size", [1, 65536])
async def test_members_count_together_against_the_limit(size: int) -> None:
    with pytest.raises(Refusal, match="when decompressed"):
        await unpacked("gzip", gzip.compress(bytes(CAP // 2)) * 3, size)


@pytest.mark.parametrize("coding", ["br", "gzip, br", "gzip, gzip, gzip, gzip"])
async def test_an_unknown_coding_and_too_many_are_415(coding: str) -> None:
    with pytest.raises(UnsupportedMedia, match="is not supported"):
        await unpacked(coding, TEXT)
