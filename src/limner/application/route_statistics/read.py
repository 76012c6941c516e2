"""Reads the statistics of all routes, once for all who ask within a few seconds."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from limner.application.generation.routing import Routing
from limner.application.operations.route_states import RouteState, route_states
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.provider_state import ProviderCheck
from limner.domain.routing.call_statistics import CallStatistics, Drift, Outlook, drifts, outlook, statistics_of
from limner.ports.clock import Clock

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

MOST_CALLS = 1_000
"""Of each route at most so many of the newest calls are read."""

FRESH_MS = 10_000


@dataclass(frozen=True, slots=True)
class RouteStatistics:
    """How a route has worked in the last hour and the last day, and its vendor's last free check."""

    state: RouteState
    outlook: Outlook
    hour: CallStatistics
    day: CallStatistics
    drifts: Sequence[Drift]
    check: ProviderCheck | None


@dataclass(slots=True)
class ReadRouteStatistics:
    store: Store
    routing: Routing
    clock: Clock
    _last: Sequence[RouteStatistics] = field(default=(), init=False)
    _read_ms: int | None = field(default=None, init=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def __call__(self) -> Sequence[RouteStatistics]:
        """The statistics of every route, `FRESH_MS` old at most. Raises `StoreUnavailable`."""
        async with self._lock:
            now_ms = self.clock.now_ms()
            if self._read_ms is None or not 0 <= now_ms - self._read_ms < FRESH_MS:
                self._last = await self.store.read(lambda records: all_statistics(records, self.routing, now_ms))
                self._read_ms = now_ms
            return self._last

    async def with_states_of_now(self) -> Sequence[RouteStatistics]:
        """The same with the state of each route as it is now: for those who have just changed it."""
        found, now_ms = await self(), self.clock.now_ms()
        states = await self.store.read(lambda records: route_states(records, self.routing, now_ms))
        by_route = {state.route: state for state in states}
        return [replace(each, state=by_route[each.state.route]) for each in found]


def all_statistics(records: Records, routing: Routing, now_ms: int) -> Sequence[RouteStatistics]:
    checks = records.provider_state.checks()
    prices = {route.name: route.price_usd for routes in routing.all_routes().values() for route in routes}
    return [
        _of_route(records, state, prices[state.route], checks.get(state.provider), now_ms)
        for state in route_states(records, routing, now_ms)
    ]


def _of_route(
    records: Records, state: RouteState, price_usd: float | None, check: ProviderCheck | None, now_ms: int
) -> RouteStatistics:
    calls = records.route_calls.newest(state.route, now_ms - DAY_MS, MOST_CALLS)
    recent = [call for call in calls if call.closed_ms >= now_ms - HOUR_MS]
    hour, day = statistics_of(recent), statistics_of(calls)
    before = calls[len(recent) :]
    return RouteStatistics(state, outlook(hour, day), hour, day, drifts(recent, before, price_usd), check)
