"""Which provider serves a model."""

from collections.abc import Mapping
from dataclasses import dataclass

from limner.domain.route import Route, UnknownOutcome
from limner.ports.provider import Provider


@dataclass(frozen=True, slots=True)
class Routing:
    """The providers at hand and the one that stands in while no vendor is configured."""

    providers: Mapping[str, Provider]
    stand_in: str
    deadline_s: float
    unknown_outcome: UnknownOutcome

    def route(self, model: str) -> Route:
        """Where an attempt for this model goes."""
        return Route(
            name=f"{self.stand_in}/{model}",
            provider=self.stand_in,
            upstream=model,
            deadline_s=self.deadline_s,
            unknown_outcome=self.unknown_outcome,
        )

    def provider(self, route: Route) -> Provider:
        return self.providers[route.provider]
