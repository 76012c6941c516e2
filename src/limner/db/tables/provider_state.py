"""Circuit breakers of routes, and pauses and rates of providers. All workers share them."""

from collections.abc import Mapping

from limner.db.sql import Db, Sql
from limner.domain.routing.breaker import Breaker
from limner.domain.routing.failure import FailureKind
from limner.domain.routing.provider_limits import ProviderMeter

_BREAKERS = Sql("SELECT route, failures, openings, open_until_ms, kind, reason, changed_ms FROM breakers")
_KEEP_BREAKER = Sql("""
    INSERT INTO breakers (route, failures, openings, open_until_ms, kind, reason, changed_ms)
    VALUES (:route, :failures, :openings, :open_until_ms, :kind, :reason, :changed_ms)
    ON CONFLICT (route) DO UPDATE SET failures = excluded.failures, openings = excluded.openings,
        open_until_ms = excluded.open_until_ms, kind = excluded.kind, reason = excluded.reason,
        changed_ms = excluded.changed_ms
""")
_PROBE = Sql("""
    UPDATE breakers SET open_until_ms = :open_until_ms, changed_ms = :changed_ms
    WHERE route = :route AND changed_ms = :before_ms
""")
_METERS = Sql("SELECT provider, paused_until_ms, next_us FROM meters")
# The update changes nothing: the statement creates the row if needed, and locks it.
_HOLD_METER = Sql("""
    INSERT INTO meters (provider) VALUES (:provider)
    ON CONFLICT (provider) DO UPDATE SET provider = excluded.provider
    RETURNING paused_until_ms, next_us
""")
_KEEP_METER = Sql("""
    UPDATE meters SET paused_until_ms = :paused_until_ms, next_us = :next_us WHERE provider = :provider
""")
_PAUSE = Sql("""
    INSERT INTO meters (provider, paused_until_ms) VALUES (:provider, :until_ms)
    ON CONFLICT (provider) DO UPDATE SET paused_until_ms = excluded.paused_until_ms
        WHERE meters.paused_until_ms < excluded.paused_until_ms
""")


class ProviderStateTable:
    """Breakers by route, meters by provider."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def breakers(self) -> Mapping[str, Breaker]:
        """By route. A route without an entry has a closed breaker."""
        return {
            route: Breaker(failures, openings, open_until_ms, FailureKind(kind) if kind else None, reason, changed_ms)
            for route, failures, openings, open_until_ms, kind, reason, changed_ms in self._db.all(_BREAKERS)
        }

    def save_breaker(self, route: str, breaker: Breaker) -> None:
        self._db.run(
            _KEEP_BREAKER,
            {
                "route": route,
                "failures": breaker.failures,
                "openings": breaker.openings,
                "open_until_ms": breaker.open_until_ms,
                "kind": breaker.kind,
                "reason": breaker.reason,
                "changed_ms": breaker.changed_ms,
            },
        )

    def claim_probe(self, route: str, before: Breaker, probing: Breaker) -> bool:
        """Let this attempt probe an open route. False when another one claimed the probe since `before` was read."""
        times = {"open_until_ms": probing.open_until_ms, "changed_ms": probing.changed_ms}
        return self._db.run(_PROBE, times | {"route": route, "before_ms": before.changed_ms}) == 1

    def meters(self) -> Mapping[str, ProviderMeter]:
        return {provider: ProviderMeter(paused, next_us) for provider, paused, next_us in self._db.all(_METERS)}

    def lock_meter(self, provider: str) -> ProviderMeter:
        """The provider's meter, locked until this unit of work is committed."""
        row = self._db.one(_HOLD_METER, {"provider": provider})
        return ProviderMeter(*row) if row else ProviderMeter()

    def save_meter(self, provider: str, meter: ProviderMeter) -> None:
        self._db.run(
            _KEEP_METER,
            {"provider": provider, "paused_until_ms": meter.paused_until_ms, "next_us": meter.next_us},
        )

    def pause(self, provider: str, until_ms: int) -> None:
        """Send the provider nothing until then; a longer pause that is set already stays."""
        self._db.run(_PAUSE, {"provider": provider, "until_ms": until_ms})
