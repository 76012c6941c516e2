"""Plots as SVG, drawn by the server. Widths are percent, so that a plot fits whatever holds it."""

from collections.abc import Sequence
from datetime import date, timedelta
from math import ceil, log10

from markupsafe import Markup, escape

from limner.application.accounts.report import DayBalance
from limner.studio.texts import Texts

EPOCH = date(1970, 1, 1)

_HEIGHT = 210
_TOP = 24
_BASE = 186


def balance_plot(days: Sequence[DayBalance], t: Texts) -> Markup:
    """Credits at the end of each day as steps, with the grants marked in gold."""
    top = _round_up(max(each.credits for each in days))
    last = max(1, len(days) - 1)
    points = [(index, _height(each.credits, top)) for index, each in enumerate(days)]
    line = f"M0 {points[0][1]:.1f}" + "".join(f"H{x}V{y:.1f}" for x, y in points[1:])
    marks = Markup("").join(
        _grant(index / last * 100, _height(each.credits, top), each.granted)
        for index, each in enumerate(days)
        if each.granted
    )
    curve = Markup(
        '<svg width="100%" height="{h}" viewBox="0 0 {w} {h}" preserveAspectRatio="none">'
        '<path class="a" d="{line}V{base}H0Z"/><path class="l" d="{line}"/></svg>'
    ).format(h=_HEIGHT, w=last, line=line, base=_BASE)
    said = t("Credits over {days} days, now {now}", days=len(days), now=f"{days[-1].credits:,}")
    return _frame(top, days, said, marks + curve)


def bar(parts: Sequence[tuple[float, str]], of: float) -> Markup:
    """One bar of `parts` (size, class) over a track."""
    rects, at = [Markup('<rect class="t" width="100%"/>')], 0.0
    for size, tone in parts:
        width = size / of * 100 if of else 0
        shown = max(width, 1) if size else 0
        rects.append(Markup('<rect class="{}" x="{:.1f}%" width="{:.1f}%" rx="1.5"/>').format(tone, min(at, 99), shown))
        at += width
    return Markup('<svg class="meter" aria-hidden="true">{}</svg>').format(Markup("").join(rects))


def _frame(top: int, days: Sequence[DayBalance], said: str, inside: Markup) -> Markup:
    lines = Markup("").join(_grid_line(top * part // 3, top) for part in range(4))
    first, middle, last = days[0].day, days[len(days) // 2].day, days[-1].day
    labels = Markup("").join(
        Markup('<text x="{}%" y="{}" text-anchor="{}">{}</text>').format(x, _HEIGHT - 2, anchor, _day(day))
        for x, anchor, day in ((0, "start", first), (50, "middle", middle), (100, "end", last))
    )
    return Markup('<svg class="plot" height="{}" role="img" aria-label="{}">{}{}{}</svg>').format(
        _HEIGHT, said, lines, inside, labels
    )


def _grid_line(value: int, top: int) -> Markup:
    y = _height(value, top)
    line = Markup('<line class="axis" x1="0" x2="100%" y1="{:.1f}" y2="{:.1f}"/>').format(y, y)
    return line + (Markup('<text x="0" y="{:.1f}">{:,}</text>').format(y - 4, value) if value else Markup(""))


def _grant(x: float, y: float, amount: int) -> Markup:
    stem = Markup('<line class="gr" x1="{0:.2f}%" x2="{0:.2f}%" y1="{1:.1f}" y2="{2}"/>').format(x, y, _BASE)
    anchor = "end" if x > 80 else "start"
    return stem + Markup('<text class="strong" x="{:.2f}%" y="{:.1f}" text-anchor="{}">+{:,}</text>').format(
        x, max(10.0, y - 7), anchor, amount
    )


def _height(value: int, top: int) -> float:
    return _BASE - value / top * (_BASE - _TOP)


def _round_up(value: int) -> int:
    """The next number with one or two leading digits that divides by three: the plot has three bands."""
    step = 3 * int(10 ** max(0, int(log10(max(1, value))) - 1))
    return max(3, ceil(value / step) * step)


def _day(day: int) -> Markup:
    at = EPOCH + timedelta(days=day)
    return escape(f"{at.day} {at:%b}")
