"""`limner top`: the queue, workers, routes, failures and spend, as they are now."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from limner.cli.terminal import Data, Json, out, print_json, when, with_limner

if TYPE_CHECKING:
    from limner.application.operations.overview import Overview
    from limner.application.route_statistics.read import RouteStatistics
    from limner.bootstrap import Limner
    from limner.db.tables.operations.admin_pages import FailedAttempt

HOUR_MS = 3_600_000
FAILURES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class ServiceView:
    """What one look at the service shows. Spend and failures are the last hour's."""

    overview: "Overview"
    routes: "Sequence[RouteStatistics]"
    failures: "Sequence[FailedAttempt]"
    paid_usd: float
    worth_usd: float


def top(
    once: Annotated[bool, typer.Option("--once", help="Print one look and exit.")] = False,
    interval: Annotated[float, typer.Option("--interval", min=1, help="Seconds between two looks.")] = 2.0,
    data: Data = None,
    json: Json = False,
) -> None:
    """Show queue, workers, routes, failures and spend, again and again until Ctrl-C."""
    if json or once or not out.is_terminal:
        seen = with_limner(data, _look, json=json)
        if json:
            print_json(seen)
        else:
            out.print(_shown(seen))
        return
    with_limner(data, lambda limner: _follow(limner, interval), json=json)


async def _follow(limner: "Limner", interval_s: float) -> None:
    from limner.db.store import StoreUnavailable

    with Live(_shown(await _look(limner)), console=out, screen=True, auto_refresh=False) as live:
        while True:
            await asyncio.sleep(interval_s)
            try:
                live.update(_shown(await _look(limner)), refresh=True)
            except StoreUnavailable as error:
                live.update(f"[red]The database is away:[/] {escape(str(error))}", refresh=True)


async def _look(limner: "Limner") -> ServiceView:
    now_ms = limner.clock.now_ms()
    since_ms = now_ms - HOUR_MS
    overview, routes = await limner.read_overview()(), await limner.read_route_statistics()()
    failures = await limner.store.read(
        lambda records: records.admin_pages.failures(since_ms, (now_ms + 1, ""), FAILURES_SHOWN)
    )
    spend = await limner.store.read(lambda records: records.attempts.spend(since_ms, now_ms + 1))
    worth_usd = sum(row.credits for row in spend) * limner.settings.credit_usd
    return ServiceView(overview, routes, failures, sum(row.cost_usd for row in spend), worth_usd)


def _shown(seen: ServiceView) -> Group:
    overview = seen.overview
    head = (
        f"[bold]{overview.queued}[/] queued, [bold]{overview.running}[/] running on {len(overview.workers)} workers, "
        f"{overview.expired_leases} expired leases, {overview.outbox.deliveries} webhooks waiting, "
        f"{overview.stored.size / 1_000_000:,.0f} MB in {overview.stored.files:,} files, {when(overview.at_ms)}"
    )
    money = (
        f"Last hour: ${seen.paid_usd:.2f} paid, ${seen.worth_usd:.2f} earned. "
        f"{overview.credits.available:,} credits available, {overview.credits.held:,} held."
    )
    return Group(head, money, "", _queue(overview), "", _routes(seen.routes), "", _failures(seen.failures))


def _queue(overview: "Overview") -> Table:
    shown = _table("QUEUE", "QUEUED", "OLDEST")
    for model in overview.queue:
        shown.add_row(escape(model.model), str(model.queued), f"{(overview.at_ms - model.oldest_ms) / 1000:.0f} s")
    if not overview.queue:
        shown.add_row("empty", "0", "")
    return shown


def _routes(routes: "Sequence[RouteStatistics]") -> Table:
    shown = _table("ROUTE", "STATE", "OUTLOOK", "P50", "P95", "CALLS", "FAILED")
    for each in sorted(routes, key=lambda route: -route.hour.calls):
        hour = each.hour
        failed = str(hour.calls - hour.pictures)
        facts = (each.state.condition, each.outlook, _seconds(hour.p50_ms), _seconds(hour.p95_ms), str(hour.calls))
        shown.add_row(escape(each.state.route), *facts, failed)
    return shown


def _failures(failures: "Sequence[FailedAttempt]") -> Table:
    shown = _table("FAILED", "ROUTE", "KIND", "REASON")
    for each in failures:
        shown.add_row(when(each.closed_ms or each.began_ms), escape(each.route), each.kind, escape(each.reason or ""))
    if not failures:
        shown.add_row("none in the last hour", "", "", "")
    return shown


def _table(*columns: str) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column)
    return shown


def _seconds(ms: int | None) -> str:
    return "–" if ms is None else f"{ms / 1000:.1f} s"
