"""Free calls to vendors, which show whether they answer and accept our key. Nothing is bought."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limner.application.generation.route_limits import RouteLimits
from limner.application.generation.routing import Routing
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.provider_state import ProviderCheck
from limner.domain.refusal import Code, Refusal
from limner.ports.clock import Clock
from limner.ports.provider import ChecksUpstreams, UpstreamCheck

CHECK_WITHIN_S = 20

NOTHING_TO_ASK = UpstreamCheck(well=True, says="active; there is nothing to ask it that costs nothing")


@dataclass(frozen=True, slots=True)
class CheckProviders:
    """`missing` says by provider what it lacks to be active; None for one that is active."""

    store: Store
    routing: Routing
    route_limits: RouteLimits
    clock: Clock
    missing: Mapping[str, str | None]

    @property
    def active(self) -> list[str]:
        return [name for name, missing in self.missing.items() if missing is None]

    async def __call__(self, name: str | None = None) -> Mapping[str, UpstreamCheck]:
        """Check one provider, or all that are active. The breakers of one that answers well are half-opened."""
        chosen = [self._known(name)] if name is not None else self.active
        said = await asyncio.gather(*(self.ask(each) for each in chosen))
        found = dict(zip(chosen, said, strict=True))
        await self.store.run(lambda records: self._record(records, found))
        return found

    async def ask(self, name: str) -> UpstreamCheck:
        provider = self.routing.providers[name]
        if not isinstance(provider, ChecksUpstreams):
            return NOTHING_TO_ASK
        try:
            async with asyncio.timeout(CHECK_WITHIN_S):
                return await provider.check(self._upstreams(name))
        except TimeoutError:
            return UpstreamCheck(well=False, says=f"no answer within {CHECK_WITHIN_S} s")

    def record(self, records: Records, name: str, said: UpstreamCheck, drifts: Sequence[str] = ()) -> None:
        """Write what the provider said, and let the next attempt probe its routes if it is well."""
        now_ms = self.clock.now_ms()
        records.provider_state.save_check(ProviderCheck(name, now_ms, said.well, said.says, tuple(drifts)))
        if said.well:
            self.route_limits.provider_recovered(records, name, now_ms)

    def _record(self, records: Records, found: Mapping[str, UpstreamCheck]) -> None:
        earlier = records.provider_state.checks()
        for name, said in found.items():
            self.record(records, name, said, earlier[name].drifts if name in earlier else ())

    def _known(self, name: str) -> str:
        """`name`, if it is an active provider. Raises `Refusal`."""
        if name not in self.active:
            raise Refusal(
                Code.INVALID,
                f"provider {name!r} is not active" if name in self.missing else f"there is no provider {name!r}",
                suggestion=self.missing.get(name) or f"There are {', '.join(self.missing)}.",
                field="name",
            )
        return name

    def _upstreams(self, name: str) -> list[str]:
        """The names that our routes order by at this provider."""
        routes = (route for routes in self.routing.routes.values() for route in routes)
        return list(dict.fromkeys(route.upstream for route in routes if route.provider == name))
