"""`limner spend --margin`: the worth of the credits that came in, less the vendors' prices."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.cli.terminal import out, print_json, table, with_limner
from limner.db.tables.attempts import MarginRow

if TYPE_CHECKING:
    from limner.bootstrap import Limner


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `first` to `last`, and their times in ms since 1970, half-open."""

    first: date
    last: date
    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Margin:
    """What was earned with pictures of one name; `unpriced` charged attempts have no known price."""

    name: str
    pictures: int
    credits: float
    worth_usd: float
    cost_usd: float
    doubt_usd: float
    unpriced: int

    @property
    def margin_usd(self) -> float:
        return self.worth_usd - self.cost_usd

    @property
    def percent(self) -> float | None:
        return 100 * self.margin_usd / self.worth_usd if self.worth_usd else None


def show_margins(period: Period, by: str, data: Path | None, *, json: bool) -> None:
    rows, credit_usd = with_limner(data, lambda limner: _read(limner, period), json=json)
    margins = _grouped(rows, _names(by, period), credit_usd)
    total = _sum("all", rows, credit_usd)
    if json:
        days = {"since": str(period.first), "until": str(period.last), "credit_usd": credit_usd}
        print_json(days | {"by": by, "margins": [_as_json(each) for each in margins], "total": _as_json(total)})
        return
    out.print(f"From {period.first} to {period.last}, at ${credit_usd:g} a credit, by the day an order was begun.\n")
    shown = [_row(each) for each in ([*margins, total] if len(margins) > 1 else margins)]
    columns = (by.upper(), "PICTURES", "CREDITS", "WORTH", "PAID", "IN DOUBT", "MARGIN", "OF WORTH")
    table(*columns, rows=shown, empty="No order was begun in these days.")
    if any(each.unpriced for each in margins):
        out.print("\n+ some charged attempts have no known price: give their route a `price_usd`.")


async def _read(limner: "Limner", period: Period) -> tuple[list[MarginRow], float]:
    rows = await limner.store.read(lambda records: list(records.attempts.margins(period.since_ms, period.until_ms)))
    return rows, limner.settings.credit_usd


def _names(by: str, period: Period) -> Callable[[MarginRow], str]:
    if by == "day":
        return lambda row: str(period.first + timedelta(days=row.day))
    return lambda row: str(getattr(row, by))


def _grouped(rows: Iterable[MarginRow], name: Callable[[MarginRow], str], credit_usd: float) -> list[Margin]:
    groups: dict[str, list[MarginRow]] = defaultdict(list)
    for row in rows:
        groups[name(row)].append(row)
    return [_sum(each, groups[each], credit_usd) for each in sorted(groups)]


def _sum(name: str, rows: Sequence[MarginRow], credit_usd: float) -> Margin:
    earned = sum(each.credits for each in rows)
    return Margin(
        name,
        sum(each.pictures for each in rows),
        earned,
        earned * credit_usd,
        sum(each.cost_usd for each in rows),
        sum(each.doubt_usd for each in rows),
        sum(each.unpriced for each in rows),
    )


def _as_json(margin: Margin) -> dict[str, Any]:
    return {**asdict(margin), "margin_usd": margin.margin_usd, "percent": margin.percent}


def _row(margin: Margin) -> tuple[str, ...]:
    more = "+" if margin.unpriced else ""
    return (
        margin.name,
        str(margin.pictures),
        f"{margin.credits:g}",
        f"${margin.worth_usd:.2f}",
        f"${margin.cost_usd:.4f}{more}",
        f"${margin.doubt_usd:.4f}",
        f"${margin.margin_usd:.2f}",
        "" if margin.percent is None else f"{margin.percent:.0f} %",
    )
