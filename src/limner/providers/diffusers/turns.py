"""Schedule local models: one job per model at a time, a limited number of models in memory, oldest job first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

M = TypeVar("M")


class ModelTurns(Generic[M]):
    """`resident` are the models that may be in memory, least recently used first."""

    def __init__(self, max_resident: int) -> None:
        self._max_resident = max_resident
        self._busy: set[M] = set()
        self._waiting: list[tuple[M, asyncio.Future[None]]] = []
        self.resident: dict[M, None] = {}

    @asynccontextmanager
    async def turn(self, model: M) -> AsyncIterator[None]:
        """Wait until a job of this model may run. An idle model may have been removed from `resident` for it."""
        may_start: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = (model, may_start)
        self._waiting.append(waiting)
        self._start_waiting()
        try:
            await may_start
            yield
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            else:
                self._busy.discard(model)
            self._start_waiting()

    def remove(self, model: M) -> None:
        """Record that the model is no longer in memory."""
        self.resident.pop(model, None)

    def _start_waiting(self) -> None:
        """Start waiting jobs, oldest first. None overtakes a job that waits for memory, or that one might starve."""
        for waiting in list(self._waiting):
            model, may_start = waiting
            if may_start.cancelled() or model in self._busy:
                continue
            if not self._make_resident(model):
                return
            self._waiting.remove(waiting)
            self._busy.add(model)
            may_start.set_result(None)

    def _make_resident(self, model: M) -> bool:
        idle = [each for each in self.resident if each not in self._busy]
        if model not in self.resident and len(self.resident) >= self._max_resident:
            if not idle:
                return False
            self.remove(idle[0])
        self.remove(model)
        self.resident[model] = None
        return True
