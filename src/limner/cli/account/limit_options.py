"""Options for budgets and rules that accounts and keys share, with the word that removes a limit."""

import math
from typing import Annotated, Any

import typer

from limner.domain.spending_rules import Fallback, SpendingRules

NONE = "none"


def whole(text: str) -> str:
    """A limit as it is typed, checked: a whole number, or none."""
    if text != NONE and not (text.isascii() and text.isdigit() and len(text) < 15):
        raise typer.BadParameter(f"{text!r} is no whole number and not {NONE!r}")
    return text


def _dollars(text: str) -> str:
    if text != NONE:
        try:
            amount = float(text)
        except ValueError:
            amount = math.nan
        if not 0 <= amount < 1e6:
            raise typer.BadParameter(f"{text!r} is no amount such as 0.05, and not {NONE!r}")
    return text


def _fallback(text: str) -> str:
    if text not in {NONE, *Fallback}:
        raise typer.BadParameter(f"may be {', '.join(Fallback)} or {NONE}")
    return text


PerDay = Annotated[
    str | None, typer.Option("--credits-per-day", parser=whole, metavar="N", help="Credits in a day of UTC.")
]
PerMonth = Annotated[
    str | None, typer.Option("--credits-per-month", parser=whole, metavar="N", help="Credits in a month of UTC.")
]
MaxVendorUsd = Annotated[
    str | None,
    typer.Option(
        "--max-vendor-usd", parser=_dollars, metavar="USD", help="Most that a vendor may charge for one picture."
    ),
]
FallbackTo = Annotated[
    str | None,
    typer.Option(
        "--fallback", parser=_fallback, metavar="RULE", help=f"Other routes it may take: {', '.join(Fallback)}."
    ),
]


def numbers(**texts: str | None) -> dict[str, int | None]:
    """The limits that were given, None for one that is to be removed."""
    return {name: None if text == NONE else int(text) for name, text in texts.items() if text is not None}


def rules(max_vendor_usd: str | None, fallback: str | None) -> dict[str, Any]:
    """The rules that were given, by the names of `SpendingRules`."""
    cap = (
        {} if max_vendor_usd is None else {"max_vendor_usd": None if max_vendor_usd == NONE else float(max_vendor_usd)}
    )
    chosen = {} if fallback is None else {"fallback": None if fallback == NONE else Fallback(fallback)}
    return cap | chosen


def rules_text(has: SpendingRules) -> list[str]:
    cap = [] if has.max_vendor_usd is None else [f"at most ${has.max_vendor_usd:g} a picture"]
    return cap if has.fallback is None else [*cap, f"fallback {has.fallback}"]
