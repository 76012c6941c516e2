"""Measures a server or worker while it runs: its metrics, the loop that measures the lag, and the listener."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from limner.application.operations.overview import ReadOverview
from limner.db.sql import StatementCount
from limner.db.store import Store
from limner.telemetry.measured_store import MeasuredStore
from limner.telemetry.metrics import Metrics
from limner.telemetry.metrics_listener import MetricsListener
from limner.telemetry.metrics_page import MetricsPage

log = structlog.get_logger()


class Measuring:
    """`listen` is `host:port` of a listener for the metrics alone, or empty. `running` counts the tasks under way."""

    def __init__(self, listen: str, statements: StatementCount, running: Callable[[], int]) -> None:
        self.metrics = Metrics()
        self.statements = statements
        self._running = running
        self._listen = listen
        self._page: MetricsPage | None = None
        self._listener: MetricsListener | None = None
        self._lag: asyncio.Task[None] | None = None

    @property
    def public_page(self) -> Callable[[], Awaitable[bytes]] | None:
        """The page for the API's own address; None where the metrics have an address of their own."""
        return None if self._listen else self.page

    def measured(self, store: Store) -> Store:
        return MeasuredStore(store, self.metrics)

    async def start(self, read_overview: ReadOverview) -> None:
        """Raises `MetricsAddressTaken`."""
        self._page = MetricsPage(self.metrics, read_overview, self.statements, self._running)
        if self._listen:
            await self._open_listener(self._page)
        self._lag = asyncio.create_task(self.metrics.measure_lag(), name="lag")

    async def page(self) -> bytes:
        return await self._page() if self._page else b""

    async def stop(self) -> None:
        if self._lag:
            self._lag.cancel()
            await asyncio.gather(self._lag, return_exceptions=True)
        if self._listener:
            await self._listener.close()

    async def _open_listener(self, page: MetricsPage) -> None:
        host, _, port = self._listen.rpartition(":")
        self._listener = MetricsListener(host.strip("[]"), int(port), page)
        try:
            await self._listener.start()
        except OSError as error:
            raise MetricsAddressTaken(self._listen, error) from error
        log.info("metrics served", port=self._listener.port)


class MetricsAddressTaken(RuntimeError):
    """The address for the metrics cannot be listened on."""

    def __init__(self, address: str, error: OSError) -> None:
        super().__init__(
            f"cannot serve the metrics on {address}: {error.strerror}. Give each process its own LIMNER_METRICS_LISTEN"
        )
