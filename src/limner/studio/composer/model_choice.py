"""The models as the composer offers them."""

from collections.abc import Sequence
from dataclasses import dataclass

from limner.application.generation.routing import Routing
from limner.application.operations.route_states import RouteCondition
from limner.application.route_statistics.read import RouteStatistics
from limner.domain.picture_size import SIZE_CLASSES
from limner.domain.routing.abilities import NO_ABILITIES, QUALITIES, Abilities
from limner.domain.routing.call_statistics import Outlook
from limner.studio.texts import Texts
from limner.studio.vendor_titles import vendor_title


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One row. `say` is what it takes, and how its route works lately, in words.

    `state` is `fair`; `slow` or `away` as the preferred of its routes that may be used is, `away` also where none may
    be; `off` where no route leads to the model.

    `ratios`, `sizes`, `qualities`, `transparent` and `previews` are what its preferred route obeys; lists are separated
    by blanks.
    """

    id: str
    name: str
    credits: int
    references: int
    by: str
    state: str
    say: str
    group: str
    order: int
    successor: str
    accepts: str
    ratios: bool
    sizes: str
    qualities: str
    transparent: bool
    previews: bool


def model_choices(routing: Routing, weather: Sequence[RouteStatistics], t: Texts) -> Sequence[ModelChoice]:
    """Every public model: those that take pictures first, those that are not served last."""
    routes = routing.all_routes()
    preferred = {name: routes[name][0].abilities if routes.get(name) else NO_ABILITIES for name in routing.models}
    by_route = {each.state.route: each for each in weather}
    rows = []
    for name, abilities in preferred.items():
        of_model = [by_route[route.name] for route in routes.get(name, ()) if route.name in by_route]
        rows.append(_choice(name, routing, abilities, _weather(of_model, t), t))
    return sorted(rows, key=lambda row: row.order)


def preselected(rows: Sequence[ModelChoice]) -> ModelChoice:
    """The model that the composer begins with: the first that is served."""
    return next((row for row in rows if row.state != "off"), rows[0])


def _weather(routes: Sequence[RouteStatistics], t: Texts) -> tuple[str, str]:
    """The state of a model by its routes, the preferred first, and what is said of it."""
    usable = [each for each in routes if each.state.condition is RouteCondition.OPEN]
    if routes and not usable:
        return "away", t("no vendor takes orders for it just now")
    works = next((each for each in usable if each.outlook is not Outlook.FAILING), None)
    if works is None:
        return ("away", t("most of its pictures fail just now")) if usable else ("fair", "")
    typical_ms = works.hour.p50_ms or works.day.p50_ms
    about = t("about {s} s", s=max(1, round(typical_ms / 1000))) if typical_ms else ""
    if works.outlook is Outlook.SLOW:
        return "slow", t("slow today, {about}", about=about)
    return "fair", about


def _choice(name: str, routing: Routing, obeys: Abilities, weather: tuple[str, str], t: Texts) -> ModelChoice:
    facts, served = routing.models[name], routing.is_served(name)
    state, lately = weather if served else ("off", "")
    if not served:
        order, group, say = 2, t("Not now"), t("no vendor that serves it is configured")
    elif facts.reference_cap:
        say = t.plural("up to {n} picture", "up to {n} pictures", facts.reference_cap)
        order, group = 0, t("Take pictures")
    else:
        order, group, say = 1, t("From words alone"), t("takes no pictures")
    return ModelChoice(
        id=name,
        name=facts.title,
        credits=facts.credits,
        references=facts.reference_cap,
        by=vendor_title(routing.served_by(name), t) if served else "",
        state=state,
        say=" · ".join(each for each in (say, lately) if each),
        group=group,
        order=order,
        successor=facts.successor_with_image or "",
        accepts=" ".join(sorted(facts.accepts)),
        ratios=obeys.aspect_ratio,
        sizes=" ".join(each for each in SIZE_CLASSES if each in obeys.size_classes),
        qualities=" ".join(each for each in QUALITIES if each in obeys.qualities),
        transparent=obeys.transparent,
        previews=obeys.partial_images,
    )
