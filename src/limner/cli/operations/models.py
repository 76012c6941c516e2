"""`limner models`: what is served here, by whom and at what price."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from limner.cli.terminal import Data, Json, print_json, table, with_limner

if TYPE_CHECKING:
    from limner.application.generation.model_list import ListedModel
    from limner.bootstrap import Limner
    from limner.domain.routing.route import Route


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """`price_usd` is the operator's or the vendor's list price of a picture, where one is known."""

    provider: str
    upstream: str
    price_usd: float | None


@dataclass(frozen=True, slots=True)
class ShownModel:
    name: str
    title: str
    aliases: tuple[str, ...]
    credits: int
    reference_images: int
    routes: tuple[ModelRoute, ...]
    obeys: Mapping[str, Any]
    retired: date | None


def models(data: Data = None, json: Json = False) -> None:
    """List the models that are served here: by whom, at what price, and what of a task they obey."""
    shown = with_limner(data, _shown, json=json)
    if json:
        print_json(shown)
        return
    rows = [
        (
            ", ".join((each.name, *each.aliases)),
            each.credits,
            each.reference_images or "none",
            "; ".join(map(_route, each.routes)),
            ", ".join(f"{name} {_value(value)}".rstrip() for name, value in each.obeys.items()),
            f"{each.retired:%Y-%m-%d}" if each.retired else "",
        )
        for each in shown
    ]
    heads = ("MODEL", "CREDITS", "REFERENCES", "SERVED BY", "OBEYS", "ORIGINAL ENDED")
    table(*heads, rows=rows, empty="No model is served: configure a vendor, or install limner[builtin].")


def _route(route: ModelRoute) -> str:
    price = "" if route.price_usd is None else f" (${route.price_usd:g})"
    return f"{route.provider}/{route.upstream}{price}"


def _value(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else ""


async def _shown(limner: "Limner") -> list[ShownModel]:
    from limner.application.generation.model_list import served_models

    today = datetime.fromtimestamp(limner.clock.now_ms() / 1000, UTC).date()
    return [_model(each, today) for each in served_models(limner.routing)]


def _model(listed: "ListedModel", today: date) -> ShownModel:
    return ShownModel(
        name=listed.facts.name,
        title=listed.facts.title,
        aliases=listed.facts.aliases,
        credits=listed.facts.credits,
        reference_images=listed.reference_cap,
        routes=tuple(map(_model_route, listed.routes)),
        obeys=listed.abilities.as_json(),
        retired=listed.retired(today),
    )


def _model_route(route: "Route") -> ModelRoute:
    return ModelRoute(route.provider, route.upstream, route.price_usd)
