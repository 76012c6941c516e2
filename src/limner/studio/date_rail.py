"""The rail of dates beside the history: the newest days one by one, earlier ones by month."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from urllib.parse import urlencode

from limner.studio.texts import Texts

DAYS_ALONE = 14
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class DateMark:
    """One line: a year, which has no number, or a day or month with its number and the query of its address."""

    name: str
    count: int = 0
    query: str = ""
    day: str = ""


def date_rail(days: Sequence[tuple[int, int]], today: int, asked: Mapping[str, str], t: Texts) -> Sequence[DateMark]:
    """Marks for (day since 1970, number of tasks), newest first."""
    dated = [(EPOCH + timedelta(days=day), count) for day, count in days]
    marks = list[DateMark]()
    for year, of_year in groupby(dated, key=lambda each: each[0].year):
        marks.append(DateMark(str(year)))
        marks += _of_year(list(of_year), EPOCH + timedelta(days=today), asked, t)
    return marks


def _of_year(dated: Sequence[tuple[date, int]], today: date, asked: Mapping[str, str], t: Texts) -> Iterator[DateMark]:
    alone = [each for each in dated if today - each[0] < timedelta(days=DAYS_ALONE)]
    for day, count in alone:
        name = t("Today") if day == today else t("{day} {month}", day=day.day, month=t(f"{day:%b}"))
        yield DateMark(name, count, _query(day + timedelta(days=1), asked), f"d{day.isoformat()}")
    for month, of_month in groupby(dated[len(alone) :], key=lambda each: each[0].replace(day=1)):
        after = (month + timedelta(days=32)).replace(day=1)
        yield DateMark(t(f"{month:%B}"), sum(count for _, count in of_month), _query(after, asked))


def _query(until: date, asked: Mapping[str, str]) -> str:
    return urlencode({**asked, "until": until.isoformat()})
