"""Which provider serves a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from limner.domain.refusal import Code, Refusal
from limner.domain.route import Route, UnknownOutcome
from limner.ports.provider import Provider


@dataclass(frozen=True, slots=True)
class Routing:
    """The providers at hand, the routes to vendors, and the engine that stands in while no vendor is configured.

    As soon as one vendor is, a model without an active route is refused, unless `always_stand_in`: nobody shall take
    the stand-in's picture for a vendor's by accident.
    """

    providers: Mapping[str, Provider]
    stand_in: str
    deadline_s: float
    unknown_outcome: UnknownOutcome
    routes: Mapping[str, tuple[Route, ...]] = field(default_factory=dict)
    always_stand_in: bool = False

    def route(self, model: str) -> Route:
        """Where an attempt for this model goes. Raises `Refusal` when there is no way."""
        for route in self.routes.get(model, ()):
            if route.provider in self.providers:
                return route
        if self.always_stand_in or not self.vendors():
            return self._stand_in(model)
        raise self._no_route(model)

    def provider(self, route: Route) -> Provider:
        return self.providers[route.provider]

    def served_by(self, model: str) -> str:
        """The name of what would serve this model now, for headers."""
        try:
            return self.route(model).provider
        except Refusal:
            return "none"

    def vendors(self) -> set[str]:
        """The configured vendors that some route leads to."""
        return {route.provider for routes in self.routes.values() for route in routes} & self.providers.keys()

    def _stand_in(self, model: str) -> Route:
        return Route(
            name=f"{self.stand_in}/{model}",
            provider=self.stand_in,
            upstream=model,
            deadline_s=self.deadline_s,
            unknown_outcome=self.unknown_outcome,
        )

    def _no_route(self, model: str) -> Refusal:
        vendors = " or ".join(dict.fromkeys(route.provider for route in self.routes.get(model, ())))
        return Refusal(
            Code.VERSION_UNKNOWN,
            f"no vendor that serves {model!r} is configured here",
            suggestion=f"Choose another model_version; operators: configure {vendors or 'a vendor for it'}, or set "
            "LIMNER_FALLBACK_TO_BUILTIN.",
            field="model_version",
        )
