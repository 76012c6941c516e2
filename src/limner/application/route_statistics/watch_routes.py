"""Watches the vendors while nobody asks: free checks from time to time, and an alarm when answers or prices change."""

from dataclasses import dataclass

import structlog

from limner.application.operations.check_providers import CheckProviders
from limner.application.route_statistics.read import all_statistics
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.provider_state import ProviderCheck
from limner.ports.clock import Clock
from limner.ports.provider import UpstreamCheck

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WatchRoutes:
    """All workers together check a provider once in `interval_ms`."""

    store: Store
    check: CheckProviders
    clock: Clock
    interval_ms: int

    async def __call__(self) -> None:
        """Check the providers whose turn it is."""
        for provider in self.check.active:
            if await self._is_due(provider):
                await self._check(provider)

    async def _is_due(self, provider: str) -> bool:
        now_ms = self.clock.now_ms()
        before_ms = now_ms - self.interval_ms
        return await self.store.run(lambda records: records.provider_state.take_check(provider, before_ms, now_ms))

    async def _check(self, provider: str) -> None:
        said = await self.check.ask(provider)
        await self.store.run(lambda records: self._record(records, provider, said))

    def _record(self, records: Records, provider: str, said: UpstreamCheck) -> None:
        earlier = records.provider_state.checks().get(provider)
        found = self._drifts(records, provider)
        self.check.record(records, provider, said, found)
        _log_check(provider, said, earlier)
        for drift in set(found) - set(earlier.drifts if earlier else ()):
            log.warning("route has changed", provider=provider, drift=drift)

    def _drifts(self, records: Records, provider: str) -> list[str]:
        statistics = all_statistics(records, self.check.routing, self.clock.now_ms())
        return [
            f"{each.state.route}: {drift}"
            for each in statistics
            if each.state.provider == provider
            for drift in each.drifts
        ]


def _log_check(provider: str, said: UpstreamCheck, earlier: ProviderCheck | None) -> None:
    """Log a change for the worse or the better."""
    was_well = earlier is None or earlier.well
    if was_well and not said.well:
        log.warning("provider check failed", provider=provider, says=said.says)
    elif said.well and not was_well:
        log.info("provider check succeeded", provider=provider, says=said.says)
