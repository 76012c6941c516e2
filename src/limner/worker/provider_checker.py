"""The provider checker: makes free calls to the vendors from time to time, and reports what has changed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from limner.ports.clock import Clock
from limner.worker.loop import every


@dataclass(frozen=True, slots=True)
class ProviderChecker:
    check_due: Callable[[], Awaitable[None]]
    clock: Clock
    every_s: float

    async def run(self) -> None:
        """The first check comes after `every_s`: a server that starts again and again must not ask each time."""
        await self.clock.sleep(self.every_s)
        await every(self.every_s, self.check_due, clock=self.clock, on_error="providers not checked")
