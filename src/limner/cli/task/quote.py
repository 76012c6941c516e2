"""Printing a quote."""

from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from limner.cli.terminal import err, out, print_json

if TYPE_CHECKING:
    from limner.application.tasks.quote import Quote, RouteQuote


def print_quote(quote: "Quote", *, json: bool) -> None:
    """Print the quote, as over the API with `json`. Exits with 1 where there are problems."""
    if json:
        from limner.api.tripo.quote_body import quote_body
        from limner.api.v2.errors import problem

        print_json(quote_body(quote, problem))
    else:
        for line in _lines(quote):
            out.print(line, soft_wrap=True)
        for each in quote.problems:
            err.print(f"[red]{escape(each.reason)}[/]\n{escape(each.suggestion)}", soft_wrap=True)
    if quote.problems:
        raise typer.Exit(1)


def _lines(quote: "Quote") -> list[str]:
    if quote.planned is None:
        return []
    plan, runs = quote.planned.plan, quote.would_run
    lines = [
        f"Price    {plan.price} credits, {quote.funds.balance.available} to spend",
        f"Model    {plan.model.name}: {quote.model_reason}",
        *([f"Route    {_route(runs)}"] if runs else []),
        *(f"         or {_route(each)}" for each in quote.routes if each is not runs),
        *(f"Skipped  {each.route.name} {each.reason}" for each in quote.skipped),
        f"Queue    {quote.ahead} tasks ahead",
    ]
    for composed in quote.planned.prompts.values():
        lines += [f"Prompt   ({each.source}) {each.text}" for each in composed.parts]
        lines += [f"Note     {each}" for each in composed.notes]
    lines += [f"Ignored  {each.field}: {each.reason}" for each in quote.ignored]
    return [escape(line) for line in lines]


def _route(quoted: "RouteQuote") -> str:
    price = "price not known" if quoted.price_usd is None else f"${quoted.price_usd:g} a picture"
    state = "" if quoted.state.condition == "open" else f", {quoted.state.condition}: {quoted.state.reason}"
    return f"{quoted.route.name}, {price}, about {quoted.expected_ms / 1000:.0f} s{state}"
