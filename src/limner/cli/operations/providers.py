"""`limner providers`: who may be asked for pictures, and whether they answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.terminal import Data, Json, out, print_json, table, when, with_limner

if TYPE_CHECKING:
    from limner.application.route_statistics.read import RouteStatistics
    from limner.bootstrap import Limner
    from limner.db.records import Records
    from limner.domain.routing.breaker import Breaker
    from limner.domain.routing.provider_limits import ProviderLimits, ProviderMeter
    from limner.vendors import Upstream

app = typer.Typer(help="Providers: which are active, what is missing, what they say.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class Listed:
    """One provider, its routes, and what the workers have learnt of it."""

    name: str
    adapter: str
    active: bool
    missing: str | None
    models: tuple[str, ...]
    limits: str
    trouble: tuple[str, ...]


@app.command("list")
def list_providers(data: Data = None, json: Json = False) -> None:
    """List every provider: active or what it lacks, its models and limits, its open circuit breakers and pauses."""
    listed = with_limner(data, _list, json=json)
    if json:
        print_json(listed)
        return
    rows = [
        (
            each.name,
            "active" if each.active else each.missing,
            ", ".join(each.models),
            each.limits,
            "; ".join(each.trouble),
        )
        for each in listed
    ]
    table("PROVIDER", "STATE", "MODELS", "LIMITS", "TROUBLE", rows=rows, empty="No provider is known.")


@app.command("check")
def check(
    name: Annotated[str | None, typer.Argument(help="Only this one. Default: all that are active.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Ask each active provider something that costs nothing; exits with 1 when one does not answer well.

    The breakers of a provider that answers are half-opened, so the next task tries it.
    """
    found = with_limner(data, lambda limner: limner.check_providers(name), json=json)
    if json:
        print_json([{"provider": each, "well": said.well, "says": said.says} for each, said in found.items()])
    else:
        rows = [(each, "well" if said.well else "NOT WELL", said.says) for each, said in found.items()]
        table("PROVIDER", "STATE", "SAYS", rows=rows, empty="No provider is active; `limner providers list` says why.")
        if any(not said.well for said in found.values()):
            out.print("A key that is refused: see the vendor's console. No answer: the address, a proxy, the network.")
    if any(not said.well for said in found.values()):
        raise typer.Exit(1)


@app.command("weather")
def weather(data: Data = None, json: Json = False) -> None:
    """Show the route statistics: waits and failures of the last hour and day, each vendor's last free check."""
    found = with_limner(data, lambda limner: limner.read_route_statistics()(), json=json)
    if json:
        print_json(found)
        return
    rows = [_weather_row(each) for each in found]
    columns = (
        "ROUTE",
        "STATE",
        "OUTLOOK",
        "P50",
        "P95",
        "CALLS",
        "NO PICTURE",
        "DAY P50",
        "DAY P95",
        "CHANGED",
        "CHECK",
    )
    table(*columns, rows=rows, empty="No route is configured.")


@app.command("rest")
def rest(
    route: Annotated[str, typer.Argument(help="The route, as `limner providers weather` shows it.")],
    minutes: Annotated[int, typer.Option("--minutes", help="For how long.")] = 60,
    reason: Annotated[str, typer.Option("--reason", help="Shown beside the route.")] = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Do not use a route for a while. Tasks take the model's other routes, or wait in the queue."""
    state = with_limner(data, lambda limner: limner.rest_routes.rest(route, minutes, reason), json=json)
    if json:
        print_json(state)
    else:
        out.print(f"{route} rests until {when(state.until_ms)}. What runs on it goes on.")


@app.command("wake")
def wake(
    route: Annotated[str, typer.Argument(help="The route, as `limner providers weather` shows it.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Use a route again: end its rest and its vendor's pause, and let the next task probe it."""
    state = with_limner(data, lambda limner: limner.rest_routes.wake(route), json=json)
    if json:
        print_json(state)
    else:
        out.print(f"{route} is used again.")


def _weather_row(each: "RouteStatistics") -> tuple[str, ...]:
    hour, day, state = each.hour, each.day, each.state
    until = f" until {when(state.until_ms)}" if state.until_ms else ""
    check = ("well" if each.check.well else f"NOT WELL: {each.check.says}") if each.check else "–"
    return (
        state.route,
        f"{state.condition}{until}",
        each.outlook,
        _seconds(hour.p50_ms),
        _seconds(hour.p95_ms),
        str(hour.calls),
        ", ".join(f"{count} {kind}" for kind, count in hour.failures.items()) or "0",
        _seconds(day.p50_ms),
        _seconds(day.p95_ms),
        ", ".join(each.drifts) or "–",
        check,
    )


def _seconds(ms: int | None) -> str:
    return "–" if ms is None else f"{ms / 1000:.1f} s"


async def _list(limner: "Limner") -> list[Listed]:
    def work(records: "Records") -> tuple[Mapping[str, "Breaker"], Mapping[str, "ProviderMeter"]]:
        return records.provider_state.breakers(), records.provider_state.meters()

    breakers, meters = await limner.store.read(work)
    now_ms = limner.clock.now_ms()
    return [
        Listed(
            name=upstream.name,
            adapter=upstream.adapter.name,
            active=upstream.account is not None,
            missing=upstream.missing,
            models=_models(limner, upstream),
            limits=_limits(upstream.limits),
            trouble=(
                *_pauses(meters.get(upstream.name), now_ms),
                *_open_breakers(breakers, upstream, now_ms),
                *_rests(breakers, upstream, now_ms),
            ),
        )
        for upstream in limner.upstreams.values()
    ]


def _models(limner: "Limner", upstream: "Upstream") -> tuple[str, ...]:
    return tuple(
        model
        for model, routes in limner.routing.routes.items()
        if any(route.provider == upstream.name for route in routes)
    )


def _limits(limits: "ProviderLimits") -> str:
    parts = [f"{limits.concurrency} at once"] if limits.concurrency else []
    return ", ".join([*parts, f"{limits.per_minute:g} a minute"] if limits.per_minute else parts)


def _pauses(meter: "ProviderMeter | None", now_ms: int) -> Sequence[str]:
    if meter is None or not meter.pause_ms(now_ms):
        return ()
    return (f"asked for a pause until {when(meter.paused_until_ms)}",)


def _open_breakers(breakers: Mapping[str, "Breaker"], upstream: "Upstream", now_ms: int) -> Sequence[str]:
    return [
        f"{route} is not used until {when(breaker.open_until_ms)}: {breaker.reason}"
        for route, breaker in breakers.items()
        if route.startswith(f"{upstream.name}/") and breaker.is_open(now_ms)
    ]


def _rests(breakers: Mapping[str, "Breaker"], upstream: "Upstream", now_ms: int) -> Sequence[str]:
    return [
        f"{route} rests until {when(breaker.rest_until_ms)}: {breaker.rest_reason}"
        for route, breaker in breakers.items()
        if route.startswith(f"{upstream.name}/") and breaker.is_rested(now_ms)
    ]
