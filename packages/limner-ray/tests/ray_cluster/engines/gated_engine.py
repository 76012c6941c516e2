"""An engine whose drawings wait at a gate in the tests' process: they begin, and end, when a test says so."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from PIL import Image

from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import Accepted, Delivered, GenerationRequest, Pending, Picture, Report, VendorAccount


class GatedEngine:
    """Connects to the gate at the account's base URL, says what it draws, and waits for a line: how it shall end."""

    name = "gated"
    resumable = False
    free = True

    def __init__(self, account: VendorAccount) -> None:
        self._host, _, self._port = account.base_url.partition(":")
        self._label = account.options.get("label", "")

    async def submit(self, request: GenerationRequest, report: Report) -> Delivered | Accepted | Failure:
        reader, writer = await asyncio.open_connection(self._host, int(self._port))
        try:
            report(10)
            said = {"prompt": request.prompt, "model": request.upstream, "references": len(request.references)}
            writer.write(json.dumps(said).encode() + b"\n")
            ending = (await reader.readline()).decode().strip()
            if ending != "draw":
                return Failure(FailureKind(ending), "the gate says so")
            path = request.workdir / "drawn.png"
            Image.effect_noise((64, 64), 50 + request.seed % 50).save(path)
            writer.write(b"drawn\n")
            await writer.drain()
        finally:
            writer.close()
        return Delivered(Picture(path), {"provider": self.name, "generative": False, "label": self._label})

    async def poll(self, handle: Mapping[str, Any], request: GenerationRequest) -> Delivered | Pending | Failure:
        raise NotImplementedError

    async def close(self) -> None:
        """Tell the gate that the model's place was given to another."""
        _, writer = await asyncio.open_connection(self._host, int(self._port))
        writer.write(b'{"closed": true}\n')
        await writer.drain()
        writer.close()
