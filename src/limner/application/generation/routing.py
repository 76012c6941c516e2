"""Which routes lead to a model, and which provider is at the end of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from limner.db.tables.attempts import Attempt
from limner.domain.refusal import Code, Refusal
from limner.domain.routing.route import Route, UnknownOutcome
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
    always_use_engine: bool = False

    def ways(self, model: str) -> tuple[Route, ...]:
        """The routes an attempt for this model may take, the preferred one first. Raises `Refusal` without any."""
        ways = self._active(self.routes.get(model, ()))
        if ways:
            return ways
        if self.always_use_engine or not self.vendors():
            return (self._stand_in(model),)
        raise self._no_route(model)

    def active(self) -> Mapping[str, tuple[Route, ...]]:
        """The models that vendors serve here, with their routes."""
        ways = {model: self._active(routes) for model, routes in self.routes.items()}
        return {model: routes for model, routes in ways.items() if routes}

    def route_of_attempt(self, attempt: Attempt) -> Route | None:
        """The route of an attempt that another worker began, whatever leads to the model now.

        None when its provider is no longer configured.
        """
        if attempt.provider not in self.providers:
            return None
        told = {route.name: route for routes in self.routes.values() for route in routes}
        return told.get(attempt.route) or Route(
            attempt.route, attempt.provider, attempt.upstream, self.deadline_s, self.unknown_outcome
        )

    def provider(self, route: Route) -> Provider:
        return self.providers[route.provider]

    def served_by(self, model: str) -> str:
        """The name of what would serve this model now, for headers."""
        try:
            return self.ways(model)[0].provider
        except Refusal:
            return "none"

    def vendors(self) -> set[str]:
        """The configured vendors that some route leads to."""
        return {route.provider for routes in self.routes.values() for route in routes} & self.providers.keys()

    def _active(self, routes: tuple[Route, ...]) -> tuple[Route, ...]:
        return tuple(route for route in routes if route.provider in self.providers)

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
