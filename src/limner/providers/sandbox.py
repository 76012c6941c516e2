"""A provider that draws a test card, for tests of the service without a model.

With `delay_s` it behaves like an asynchronous vendor: `submit` returns a handle and the card is ready after the delay.
The card's colours and bars are derived from the prompt, so that cards of different prompts differ visibly.
"""

import asyncio
import hashlib
import struct
import time
import zlib
from collections.abc import Mapping
from typing import Any

from limner.domain.routing.failure import Failure
from limner.ports.provider import Accepted, Delivered, GenerationRequest, Pending, Picture, Report

SIDE = 256
"""Width and height of the card in pixels."""


class SandboxProvider:
    name = "sandbox"
    resumable = True
    free = True
    makes_workdir = True

    def __init__(self, delay_s: float = 0.0) -> None:
        self._delay_s = delay_s

    async def submit(self, request: GenerationRequest, report: Report) -> Delivered | Accepted | Failure:  # noqa: ARG002
        if not self._delay_s:
            return await self._deliver(request)
        return Accepted({"ready_at": time.time() + self._delay_s}, wait_s=self._delay_s)

    async def poll(self, handle: Mapping[str, Any], request: GenerationRequest) -> Delivered | Pending | Failure:
        left_s = float(handle["ready_at"]) - time.time()
        if left_s > 0:
            return Pending(wait_s=left_s)
        return await self._deliver(request)

    async def close(self) -> None:
        """Do nothing: there are no connections and no processes."""

    async def _deliver(self, request: GenerationRequest) -> Delivered:
        drawn = await asyncio.to_thread(card, request.prompt)
        return Delivered(Picture(drawn), {"generative": False, "notice": "a test card, not a picture"})


def card(prompt: str) -> bytes:
    """A PNG of `SIDE` x `SIDE` pixels with sixteen bars in two colours, chosen by the prompt's SHA-256."""
    digest = hashlib.sha256(prompt.encode()).digest()
    dark, light = digest[:3], bytes(255 - byte // 3 for byte in digest[3:6])
    bars = int.from_bytes(digest[6:8])
    row = b"\0" + b"".join((light if bars >> (x * 16 // SIDE) & 1 else dark) for x in range(SIDE))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * SIDE, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
