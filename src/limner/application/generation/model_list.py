"""The models that are served here: by whom, at what price, and what of a task they obey."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from limner.application.generation.routing import Routing
from limner.domain.model import ModelFacts
from limner.domain.routing.abilities import Abilities
from limner.domain.routing.route import Route


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that is served, with its open routes in order of preference."""

    facts: ModelFacts
    routes: tuple[Route, ...]

    @property
    def reference_cap(self) -> int:
        """The most reference images of a task, on the route that takes most."""
        caps = [self.facts.reference_cap if each.reference_cap is None else each.reference_cap for each in self.routes]
        return min(self.facts.reference_cap, max(caps))

    @property
    def abilities(self) -> Abilities:
        """What the preferred route obeys."""
        return self.routes[0].abilities

    def retired(self, today: date) -> date | None:
        """The day on which the original was shut down, if that is past."""
        day = self.facts.retired
        return day if day and day <= today else None


def served_models(routing: Routing) -> Iterator[ListedModel]:
    """The models that are served here, in the order of the catalogue."""
    routes = routing.all_routes()
    for name, facts in routing.models.items():
        if routes.get(name):
            yield ListedModel(facts, routes[name])
