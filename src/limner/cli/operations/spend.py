"""`limner spend`: what the pictures cost upstream, beside the credits they brought in."""

import time
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.operations.margin import Period, show_margins
from limner.cli.terminal import Data, Json, out, print_json, table, with_limner
from limner.db.tables.attempts import RouteSpend

if TYPE_CHECKING:
    from limner.bootstrap import Limner

BY = ("model", "provider", "day")


def spend(
    since: Annotated[
        datetime | None,
        typer.Option("--since", formats=["%Y-%m-%d"], help="First day. Default: the first of this month."),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Last day. Default: today.")
    ] = None,
    margin: Annotated[
        bool, typer.Option("--margin", help="Show what is left of the credits' worth after the vendors' prices.")
    ] = False,
    by: Annotated[str, typer.Option("--by", help=f"With --margin: one row for each {', '.join(BY)}.")] = "model",
    data: Data = None,
    json: Json = False,
) -> None:
    """Show what was paid to each route, what is in doubt, and the credits that came in."""
    if by not in BY:
        raise typer.BadParameter(f"may be {', '.join(BY)}", param_hint="--by")
    today = date.today()  # noqa: DTZ011 - the operator's own day
    first = since or datetime(today.year, today.month, 1)  # noqa: DTZ001
    last = until or datetime(today.year, today.month, today.day)  # noqa: DTZ001
    since_ms, until_ms = _ms(first), _ms(last + timedelta(days=1))
    if margin:
        show_margins(Period(first.date(), last.date(), since_ms, until_ms), by, data, json=json)
        return
    rows, credit_usd = with_limner(data, lambda limner: _read(limner, since_ms, until_ms), json=json)
    if json:
        print_json({"since": str(first.date()), "until": str(last.date()), "routes": rows, "total": _total(rows)})
        return
    out.print(f"From {first:%Y-%m-%d} to {last:%Y-%m-%d}, by the day an order was begun.\n")
    shown = [_row(each.route, each, credit_usd) for each in rows]
    if len(rows) > 1:
        shown.append(_row("all", _total(rows), credit_usd))
    columns = ("ROUTE", "ATTEMPTS", "PICTURES", "WASTED", "IN DOUBT", "PAID", "CREDITS", "WORTH")
    table(*columns, rows=shown, empty="No order was begun in these days.")
    _explain(rows)


def _ms(moment: datetime) -> int:
    return int(time.mktime(moment.timetuple()) * 1000)


async def _read(limner: "Limner", since_ms: int, until_ms: int) -> tuple[list[RouteSpend], float]:
    rows = await limner.store.read(lambda records: list(records.attempts.spend(since_ms, until_ms)))
    return rows, limner.settings.credit_usd


def _row(name: str, spend: RouteSpend, credit_usd: float) -> tuple[str, ...]:
    doubt = f"{spend.unknown} (${spend.doubt_usd:.2f})" if spend.unknown else "0"
    more = "+" if spend.unpriced else ""
    return (
        name,
        str(spend.attempts),
        str(spend.pictures),
        str(spend.wasted),
        doubt,
        f"${spend.cost_usd:.4f}{more}",
        str(spend.credits),
        f"${spend.credits * credit_usd:.2f}",
    )


def _total(rows: list[RouteSpend]) -> RouteSpend:
    return RouteSpend(
        provider="all",
        route="all",
        attempts=sum(each.attempts for each in rows),
        pictures=sum(each.pictures for each in rows),
        wasted=sum(each.wasted for each in rows),
        unknown=sum(each.unknown for each in rows),
        cost_usd=sum(each.cost_usd for each in rows),
        doubt_usd=sum(each.doubt_usd for each in rows),
        unpriced=sum(each.unpriced for each in rows),
        credits=sum(each.credits for each in rows),
    )


def _explain(rows: list[RouteSpend]) -> None:
    if any(each.wasted for each in rows):
        out.print("\nWasted: charged by the vendor, but no picture came of it.")
    if any(each.unknown for each in rows):
        out.print("\nIn doubt: cut off before the vendor answered; it may have charged them.")
    if any(each.unpriced for each in rows):
        out.print("\n+ some charged attempts have no known price: give their route a `price_usd`.")
