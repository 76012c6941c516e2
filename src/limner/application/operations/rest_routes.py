"""Rest a route, so that no task uses it for a while, and wake one up before its time."""

from dataclasses import dataclass

from limner.application.generation.routing import Routing
from limner.application.operations.route_states import RouteState, route_states
from limner.db.records import Records
from limner.db.store import Store
from limner.domain.refusal import Code, Refusal
from limner.domain.routing.breaker import CLOSED, half_opened
from limner.domain.routing.route import Route
from limner.ports.clock import Clock

MOST_MINUTES = 30 * 24 * 60
MOST_REASON = 200


@dataclass(frozen=True, slots=True)
class RestRoutes:
    """Acts are written to the audit log, as done by `actor`."""

    store: Store
    routing: Routing
    clock: Clock
    actor: str = "limner"

    async def rest(self, route: str, minutes: int, reason: str = "") -> RouteState:
        """Use the route for no attempt for `minutes`. What runs on it goes on. Raises `Refusal`."""
        known = self._known(route)
        _check(minutes, reason)
        now_ms = self.clock.now_ms()
        until_ms = now_ms + minutes * 60_000

        def work(records: Records) -> RouteState:
            records.provider_state.rest(route, until_ms, reason or "no reason given", now_ms)
            records.audit_log.add(self.actor, "route.rest", route, {"until_ms": until_ms}, now_ms)
            return self._state(records, known, now_ms)

        return await self.store.run(work)

    async def wake(self, route: str) -> RouteState:
        """End the route's rest and its provider's pause; an open breaker is half-opened. Raises `Refusal`."""
        known = self._known(route)
        now_ms = self.clock.now_ms()

        def work(records: Records) -> RouteState:
            breaker = records.provider_state.breakers().get(route, CLOSED)
            records.provider_state.wake(route, known.provider)
            if breaker.is_open(now_ms):
                records.provider_state.save_breaker(route, half_opened(breaker, now_ms))
            records.audit_log.add(self.actor, "route.wake", route, {}, now_ms)
            return self._state(records, known, now_ms)

        return await self.store.run(work)

    def _known(self, name: str) -> Route:
        known = {route.name: route for routes in self.routing.all_routes().values() for route in routes}
        if name not in known:
            raise Refusal(
                Code.INVALID,
                f"there is no route {name[:100]!r}",
                suggestion=f"Routes are {', '.join(known)}.",
                field="route",
            )
        return known[name]

    def _state(self, records: Records, route: Route, now_ms: int) -> RouteState:
        return next(each for each in route_states(records, self.routing, now_ms) if each.route == route.name)


def _check(minutes: int, reason: str) -> None:
    if not 1 <= minutes <= MOST_MINUTES:
        raise Refusal(
            Code.INVALID,
            f"a route cannot rest for {minutes} minutes",
            suggestion=f"Give 1 to {MOST_MINUTES} minutes, which is 30 days.",
            field="minutes",
        )
    if len(reason) > MOST_REASON or not reason.isprintable():
        raise Refusal(
            Code.INVALID,
            "the reason is too long or contains unprintable characters",
            suggestion=f"Use one line of at most {MOST_REASON} characters.",
            field="reason",
        )
