"""Whose turn it is: one order at a time for each model, only so many models in memory, the oldest order first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

M = TypeVar("M")


class Turns(Generic[M]):
    """`seated` are the models that may be in memory, the longest unused first."""

    def __init__(self, seats: int) -> None:
        self._seats = seats
        self._busy: set[M] = set()
        self._waiting: list[tuple[M, asyncio.Future[None]]] = []
        self.seated: dict[M, None] = {}

    @asynccontextmanager
    async def turn(self, model: M) -> AsyncIterator[None]:
        """Wait until an order of this model may be worked. For that an idle model may have lost its seat."""
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = (model, called)
        self._waiting.append(waiting)
        self._call()
        try:
            await called
            yield
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            else:
                self._busy.discard(model)
            self._call()

    def leave(self, model: M) -> None:
        """The model is not in memory any more."""
        self.seated.pop(model, None)

    def _call(self) -> None:
        """Give turns, the oldest first. Nobody passes one who waits for a seat, or it might wait for ever."""
        for waiting in list(self._waiting):
            model, called = waiting
            if called.cancelled() or model in self._busy:
                continue
            if not self._seat(model):
                return
            self._waiting.remove(waiting)
            self._busy.add(model)
            called.set_result(None)

    def _seat(self, model: M) -> bool:
        idle = [each for each in self.seated if each not in self._busy]
        if model not in self.seated and len(self.seated) >= self._seats:
            if not idle:
                return False
            self.leave(idle[0])
        self.leave(model)
        self.seated[model] = None
        return True
