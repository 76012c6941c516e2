"""The models as the composer offers them."""

from collections.abc import Sequence
from dataclasses import dataclass

from limner.application.generation.routing import Routing
from limner.domain.picture_size import SIZE_CLASSES
from limner.domain.routing.abilities import NO_ABILITIES, QUALITIES, Abilities
from limner.studio.texts import Texts
from limner.studio.vendor_titles import vendor_title


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One row. `state` is fair, or off where no route leads to the model; `say` is what it takes, in words.

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


def model_choices(routing: Routing, t: Texts) -> Sequence[ModelChoice]:
    """Every public model: those that take pictures first, those that are not served last."""
    routes = routing.all_routes()
    preferred = {name: routes[name][0].abilities if routes.get(name) else NO_ABILITIES for name in routing.models}
    rows = (_choice(name, routing, abilities, t) for name, abilities in preferred.items())
    return sorted(rows, key=lambda row: row.order)


def preselected(rows: Sequence[ModelChoice]) -> ModelChoice:
    """The model that the composer begins with: the first that is served."""
    return next((row for row in rows if row.state != "off"), rows[0])


def _choice(name: str, routing: Routing, obeys: Abilities, t: Texts) -> ModelChoice:
    facts, served = routing.models[name], routing.is_served(name)
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
        state="fair" if served else "off",
        say=say,
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
