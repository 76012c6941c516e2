"""What a route makes of a task's optional fields: those that it obeys, and what is said of those that it does not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from limner.domain.picture_size import PIXELS_OF_CLASS, exact_size, nearest_class, shape_of
from limner.domain.routing.abilities import OUTPUT_FORMATS, QUALITIES, Abilities
from limner.domain.routing.route import Route
from limner.domain.tasks.spec import TaskSpec
from limner.domain.tasks.task import IgnoredField

TRANSPARENT = "transparent"
BACKGROUNDS = (TRANSPARENT, "opaque")
WITH_ALPHA = frozenset({"png", "webp"})
COMPRESSED = frozenset({"jpeg", "webp"})


@dataclass(frozen=True, slots=True)
class Obeyed:
    """The spec with only what the route obeys, and what of the caller's is left out or changed."""

    spec: TaskSpec
    ignored: tuple[IgnoredField, ...] = ()


def unable(spec: TaskSpec, abilities: Abilities) -> str | None:
    """The field without which the picture would mean something else, and which is not obeyed or missing; or None."""
    if spec.mask != abilities.mask and (spec.mask or abilities.needs_mask):
        return "mask"
    if spec.background == TRANSPARENT and not abilities.transparent:
        return "background"
    return None


def priced(spec: TaskSpec, route: Route, references: int) -> Route:
    """The route with its price of one picture: of the quality and the size that it would be asked for."""
    by_size = route.prices.points and (spec.quality or spec.size)
    if not by_size and not (references and route.prices.per_reference):
        return route
    asked = obeyed(spec, route).spec
    return replace(route, price_usd=route.prices.of(asked.quality, asked.size, references))


def obeyed(spec: TaskSpec, route: Route) -> Obeyed:
    """What the route makes of the spec. Nothing is ever added that the caller did not ask for."""
    changed, ignored = spec, list[IgnoredField]()
    for field, rule in _RULES.items():
        if getattr(spec, field) is None:
            continue
        outcome = rule(spec, route)
        changed = replace(changed, **outcome.values)
        if outcome.reason:
            ignored.append(IgnoredField(field, outcome.reason))
    return Obeyed(changed, tuple(ignored))


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The values that are sent on, and why they are not the caller's."""

    values: dict[str, Any]
    reason: str | None = None


def _seed(_spec: TaskSpec, route: Route) -> _Outcome:
    if route.abilities.seed:
        return _Outcome({})
    return _Outcome({"seed": None}, f"{_maker(route)} takes no seed")


def _partial_images(_spec: TaskSpec, route: Route) -> _Outcome:
    if route.abilities.partial_images:
        return _Outcome({})
    return _Outcome({"partial_images": None}, f"{_maker(route)} shows no picture before it is finished")


def _aspect_ratio(_spec: TaskSpec, route: Route) -> _Outcome:
    if route.abilities.aspect_ratio:
        return _Outcome({})
    return _Outcome({}, f"{_maker(route)} takes no aspect ratio")


def _size(spec: TaskSpec, route: Route) -> _Outcome:
    size = spec.size or ""
    sides = exact_size(size)
    return _class(size, route) if sides is None else _exact(*sides, route)


def _class(size: str, route: Route) -> _Outcome:
    offered = route.abilities.size_classes
    if size in offered:
        return _Outcome({})
    if not offered:
        return _Outcome({"size": None}, f"{_maker(route)} makes one size only")
    made = nearest_class(PIXELS_OF_CLASS[size], sorted(offered))
    return _Outcome({"size": made}, f"{_maker(route)} makes {_listed(sorted(offered))}; {made} was asked for")


def _exact(width: int, height: int, route: Route) -> _Outcome:
    """The exact size, else the nearest one, else a class and a shape."""
    limits, classes = route.abilities.exact_size, sorted(route.abilities.size_classes)
    if limits:
        made = limits.nearest(width, height)
        size = f"{made[0]}x{made[1]}"
        if made == (width, height):
            return _Outcome({"size": size})
        return _Outcome({"size": size}, f"{_maker(route)} makes no {width}x{height}; {size} was asked for")
    shape = {"aspect_ratio": shape_of(width, height)}
    if not classes:
        return _Outcome(shape | {"size": None}, f"{_maker(route)} takes no size in pixels; its shape was asked for")
    made_class = nearest_class(width * height, classes)
    reason = f"{_maker(route)} takes no size in pixels; {made_class} in this shape was asked for"
    return _Outcome(shape | {"size": made_class}, reason)


def _quality(spec: TaskSpec, route: Route) -> _Outcome:
    offered = [each for each in QUALITIES if each in route.abilities.qualities]
    if spec.quality in offered:
        return _Outcome({})
    if not offered:
        return _Outcome({"quality": None}, f"{_maker(route)} has one quality only")
    lower = [each for each in offered if QUALITIES.index(each) < QUALITIES.index(spec.quality or "low")]
    made = lower[-1] if lower else offered[0]
    return _Outcome({"quality": made}, f"{_maker(route)} takes {_listed(offered)}; {made} was asked for")


def _background(_spec: TaskSpec, route: Route) -> _Outcome:
    """An opaque background is what upstreams make that know no other; a transparent one is a matter of the route."""
    return _Outcome({} if route.abilities.transparent else {"background": None})


def _output_format(spec: TaskSpec, route: Route) -> _Outcome:
    offered = [each for each in OUTPUT_FORMATS if each in route.abilities.formats]
    if spec.output_format in offered:
        return _Outcome({})
    made = f"makes {_listed(offered)}" if offered else "chooses the format itself"
    return _Outcome({"output_format": None}, f"{_maker(route)} {made}")


def _compression(spec: TaskSpec, route: Route) -> _Outcome:
    abilities = route.abilities
    if abilities.compression and spec.output_format in abilities.formats:
        return _Outcome({})
    return _Outcome({"output_compression": None}, f"{_maker(route)} takes no compression for this format")


def _maker(route: Route) -> str:
    """Who does not obey: the engine that serves a model until there is a vendor has its own abilities."""
    return f"{route.upstream} at {route.provider}"


def _listed(values: list[str]) -> str:
    return f"{values[0]} only" if len(values) == 1 else f"{', '.join(values[:-1])} and {values[-1]}"


_RULES: dict[str, Callable[[TaskSpec, Route], _Outcome]] = {
    "aspect_ratio": _aspect_ratio,
    "size": _size,
    "quality": _quality,
    "background": _background,
    "output_format": _output_format,
    "output_compression": _compression,
    "seed": _seed,
    "partial_images": _partial_images,
}
