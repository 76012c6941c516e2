"""Circuit breakers of routes, and pauses and rates of providers. All workers share them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limner.db.sql import Db, Sql, dump, load
from limner.domain.routing.breaker import Breaker
from limner.domain.routing.failure import FailureKind
from limner.domain.routing.provider_limits import ProviderMeter

_BREAKERS = Sql("""
    SELECT route, failures, openings, open_until_ms, kind, reason, changed_ms, rest_until_ms, rest_reason FROM breakers
""")
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
# Both tables are small, and each claim and each intent needs both: one statement costs less than two.
_BREAKERS_AND_METERS = Sql("""
    SELECT 'breaker', route, failures, openings, open_until_ms, kind, reason, changed_ms, rest_until_ms, rest_reason
    FROM breakers
    UNION ALL
    SELECT 'meter', provider, 0, 0, paused_until_ms, NULL, NULL, next_us, 0, NULL FROM meters
""")
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
_REST = Sql("""
    INSERT INTO breakers (route, failures, openings, open_until_ms, changed_ms, rest_until_ms, rest_reason)
    VALUES (:route, 0, 0, 0, :now_ms, :until_ms, :reason)
    ON CONFLICT (route) DO UPDATE SET rest_until_ms = excluded.rest_until_ms, rest_reason = excluded.rest_reason
""")
_WAKE = Sql("UPDATE breakers SET rest_until_ms = 0, rest_reason = NULL WHERE route = :route")
_END_PAUSE = Sql("UPDATE meters SET paused_until_ms = 0 WHERE provider = :provider")
_TAKE_CHECK = Sql("""
    INSERT INTO provider_checks (provider, checked_ms) VALUES (:provider, :now_ms)
    ON CONFLICT (provider) DO UPDATE SET checked_ms = excluded.checked_ms
        WHERE provider_checks.checked_ms <= :before_ms OR provider_checks.checked_ms > :now_ms
    RETURNING provider
""")
_SAVE_CHECK = Sql("""
    INSERT INTO provider_checks (provider, checked_ms, well, says, drifts)
    VALUES (:provider, :now_ms, :well, :says, :drifts)
    ON CONFLICT (provider) DO UPDATE SET checked_ms = excluded.checked_ms, well = excluded.well, says = excluded.says,
        drifts = excluded.drifts
""")
_CHECKS = Sql("SELECT provider, checked_ms, well, says, drifts FROM provider_checks WHERE well IS NOT NULL")


@dataclass(frozen=True, slots=True)
class ProviderCheck:
    """A provider's last free check: when, whether it was well, and what it said.

    `drifts` are what had changed on its routes by then, as `route: price`.
    """

    provider: str
    checked_ms: int
    well: bool
    says: str
    drifts: tuple[str, ...] = ()


class ProviderStateTable:
    """Breakers by route, meters and checks by provider."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def breakers(self) -> Mapping[str, Breaker]:
        """By route. A route without an entry has a closed breaker."""
        return {route: _breaker(*columns) for route, *columns in self._db.all(_BREAKERS)}

    def breakers_and_meters(self) -> tuple[Mapping[str, Breaker], Mapping[str, ProviderMeter]]:
        """`breakers()` by route and `meters()` by provider, in one statement."""
        breakers: dict[str, Breaker] = {}
        meters: dict[str, ProviderMeter] = {}
        for kind, name, *columns in self._db.all(_BREAKERS_AND_METERS):
            if kind == "breaker":
                breakers[name] = _breaker(*columns)
            else:
                _, _, paused_until_ms, _, _, next_us, *_ = columns
                meters[name] = ProviderMeter(paused_until_ms, next_us)
        return breakers, meters

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

    def rest(self, route: str, until_ms: int, reason: str, now_ms: int) -> None:
        """Do not use the route until then, whatever its breaker says."""
        self._db.run(_REST, {"route": route, "until_ms": until_ms, "reason": reason, "now_ms": now_ms})

    def wake(self, route: str, provider: str) -> None:
        """End the route's rest and its provider's pause. Its breaker is the caller's to half-open."""
        self._db.run(_WAKE, {"route": route})
        self._db.run(_END_PAUSE, {"provider": provider})

    def take_check(self, provider: str, before_ms: int, now_ms: int) -> bool:
        """Whether the provider is to be checked now by the caller: its last check was `before_ms` or earlier."""
        facts = {"provider": provider, "before_ms": before_ms, "now_ms": now_ms}
        return self._db.one(_TAKE_CHECK, facts) is not None

    def save_check(self, check: ProviderCheck) -> None:
        facts = {"provider": check.provider, "now_ms": check.checked_ms, "well": int(check.well), "says": check.says}
        self._db.run(_SAVE_CHECK, facts | {"drifts": dump(list(check.drifts))})

    def checks(self) -> Mapping[str, ProviderCheck]:
        """The last check of each provider that was checked."""
        return {
            provider: ProviderCheck(provider, checked_ms, bool(well), says or "", tuple(load(found) or ()))
            for provider, checked_ms, well, says, found in self._db.all(_CHECKS)
        }


def _breaker(failures: int, openings: int, open_until_ms: int, kind: str | None, *rest: Any) -> Breaker:
    return Breaker(failures, openings, open_until_ms, FailureKind(kind) if kind else None, *rest)
