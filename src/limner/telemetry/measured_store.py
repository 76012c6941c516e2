"""A store whose units of work are timed and counted."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from prometheus_client import Histogram

from limner.db.records import Records
from limner.db.store import Store
from limner.telemetry.metrics import Metrics

T = TypeVar("T")


class MeasuredStore:
    """Passes everything on to `store`."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._active = 0
        metrics.units_active.set_function(lambda: self._active)
        self._writes = metrics.units.labels("write")
        self._reads = metrics.units.labels("read")

    async def run(self, work: Callable[[Records], T]) -> T:
        with self._timed(self._writes):
            return await self._store.run(work)

    async def run_unsynced(self, work: Callable[[Records], T]) -> T:
        with self._timed(self._writes):
            return await self._store.run_unsynced(work)

    async def read(self, work: Callable[[Records], T]) -> T:
        with self._timed(self._reads):
            return await self._store.read(work)

    @contextmanager
    def _timed(self, times: Histogram) -> Iterator[None]:
        begun_s = time.perf_counter()
        self._active += 1
        try:
            yield
        finally:
            self._active -= 1
            times.observe(time.perf_counter() - begun_s)

    async def close(self) -> None:
        await self._store.close()
