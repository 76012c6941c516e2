"""`limner providers`: who may be asked for pictures, and whether they answer."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.terminal import Data, Json, out, print_json, table, when, with_limner

if TYPE_CHECKING:
    from limner.bootstrap import Limner
    from limner.db.records import Records
    from limner.domain.routing.breaker import Breaker
    from limner.domain.routing.provider_limits import ProviderLimits, ProviderMeter
    from limner.ports.provider import UpstreamCheck
    from limner.vendors import Upstream

app = typer.Typer(help="Providers: which are active, what is missing, what they say.", no_args_is_help=True)

CHECK_WITHIN_S = 20


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
    found = with_limner(data, lambda limner: _check(limner, name), json=json)
    if json:
        print_json([{"provider": each, "well": said.well, "says": said.says} for each, said in found.items()])
    else:
        rows = [(each, "well" if said.well else "NOT WELL", said.says) for each, said in found.items()]
        table("PROVIDER", "STATE", "SAYS", rows=rows, empty="No provider is active; `limner providers list` says why.")
        if any(not said.well for said in found.values()):
            out.print("A key that is refused: see the vendor's console. No answer: the address, a proxy, the network.")
    if any(not said.well for said in found.values()):
        raise typer.Exit(1)


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
            trouble=(*_pauses(meters.get(upstream.name), now_ms), *_open_breakers(breakers, upstream, now_ms)),
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


async def _check(limner: "Limner", name: str | None) -> dict[str, "UpstreamCheck"]:
    from limner.domain.refusal import Code, Refusal

    active = {each: limner.providers[each] for each, up in limner.upstreams.items() if up.account is not None}
    if name is not None and name not in active:
        known = limner.upstreams.get(name)
        raise Refusal(
            Code.INVALID,
            f"provider {name!r} is not active" if known else f"there is no provider {name!r}",
            suggestion=(known.missing if known and known.missing else f"There are {', '.join(limner.upstreams)}."),
            field="name",
        )
    chosen = [name] if name else list(active)
    said = await asyncio.gather(*(_ask(active[each], _orders(limner, each)) for each in chosen))
    found = dict(zip(chosen, said, strict=True))
    await limner.store.run(lambda records: _try_again(limner, records, found))
    return found


def _try_again(limner: "Limner", records: "Records", found: Mapping[str, "UpstreamCheck"]) -> None:
    now_ms = limner.clock.now_ms()
    for name, said in found.items():
        if said.well:
            limner.route_limits.provider_recovered(records, name, now_ms)


def _orders(limner: "Limner", name: str) -> list[str]:
    """The names that our routes order by at this provider."""
    names = [route.upstream for routes in limner.routing.routes.values() for route in routes if route.provider == name]
    return list(dict.fromkeys(names))


async def _ask(provider: object, upstreams: Sequence[str]) -> "UpstreamCheck":
    from limner.ports.provider import ChecksUpstreams, UpstreamCheck

    if not isinstance(provider, ChecksUpstreams):
        return UpstreamCheck(well=True, says="active; there is nothing to ask it that costs nothing")
    try:
        async with asyncio.timeout(CHECK_WITHIN_S):
            return await provider.check(upstreams)
    except TimeoutError:
        return UpstreamCheck(well=False, says=f"no answer within {CHECK_WITHIN_S} s")
