"""The page of metrics: this process's own, and the gauges over the whole database."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from limner.application.operations.overview import ReadOverview
from limner.db.sql import StatementCount
from limner.db.store import StoreUnavailable
from limner.telemetry.metrics import Metrics

log = structlog.get_logger()

TIMEOUT_S = 5.0
"""A database that does not answer within this time leaves its gauges out of the page."""


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """`running` returns how many tasks this process executes now."""

    metrics: Metrics
    read_overview: ReadOverview
    statements: StatementCount
    running: Callable[[], int]

    async def __call__(self) -> bytes:
        """The page as text. Without the database it holds the process's own metrics alone."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                self.metrics.gauges.overview = await self.read_overview()
        except (StoreUnavailable, TimeoutError) as error:
            self.metrics.gauges.overview = None
            log.warning("metrics without the database", error=str(error) or type(error).__name__)
        self.metrics.running_here.set(self.running())
        self.metrics.statements.inc(self.statements.take())
        return await asyncio.to_thread(self.metrics.page)
