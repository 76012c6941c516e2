"""Requests that a vendor holds back, so that a test or an operator can act at that moment.

A held request is `received` whole and nothing is done yet; or the work is `done`, and charged, and no byte of the
answer is sent; or `half` of the answer's body is; or it is `previewed`: the previews are sent, and the picture is not,
in OpenAI's stream. It continues when it is released, and ends when its caller
disconnects.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

CHECK_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Held:
    """`moment` is where it is held: `received`, `done`, `half` or `previewed`."""

    stage: str
    moment: str
    prompt: str


@dataclass(slots=True)
class Holds:
    """The held requests of one vendor."""

    _held: list[Held] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def hold(self, request: web.Request, held: Held) -> bool:
        """Hold until released. False if the caller disconnected instead."""
        let_go = self._let_go
        self._held.append(held)
        self._tell()
        # aiohttp reports a disconnected caller only by cancelling the handler, and vendors go on working.
        while not let_go.is_set() and _is_connected(request):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_S):
                    await let_go.wait()
        self._held.remove(held)
        self._tell()
        return _is_connected(request)

    async def until(self, count: int = 1) -> list[Held]:
        """Wait until at least so many are held."""
        while len(self._held) < count:
            await self._changed.wait()
        return list(self._held)

    async def until_none(self) -> None:
        while self._held:
            await self._changed.wait()

    def let_go(self) -> int:
        """Release all; return how many there were."""
        self._let_go.set()
        self._let_go = asyncio.Event()
        return len(self._held)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _is_connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()
