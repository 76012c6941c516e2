"""Which routes lead to a model, and which provider serves each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from limner.db.tables.attempts import Attempt
from limner.domain.model import Models
from limner.domain.refusal import Code, Refusal
from limner.domain.routing.abilities import Abilities
from limner.domain.routing.obeyed import priced, unable
from limner.domain.routing.route import Route, UnknownOutcome
from limner.domain.routing.route_choice import RouteChoice, choose_routes
from limner.domain.spending_rules import Fallback
from limner.domain.tasks.spec import TaskSpec
from limner.ports.provider import Provider, abilities_of, dialect_of, expects_workdir

ANY_SPEC = TaskSpec()
"""A spec without options, which every route obeys."""


@dataclass(frozen=True, slots=True)
class Routing:
    """The configured providers, the routes to vendors, and the engine that serves all models while there is no vendor.

    Once one vendor is configured, a model without an active route is refused, unless `always_use_engine`: the engine's
    image must not be mistaken for a vendor's.
    """

    providers: Mapping[str, Provider]
    engine: str
    deadline_s: float
    unknown_outcome: UnknownOutcome
    routes: Mapping[str, tuple[Route, ...]] = field(default_factory=dict)
    always_use_engine: bool = False
    fallback: Fallback = Fallback.ANY
    models: Models = field(kw_only=True)
    _engine_routes: dict[str, Route] = field(default_factory=dict, init=False, repr=False, compare=False)

    def routes_for(self, model: str, references: int = 0, spec: TaskSpec = ANY_SPEC) -> tuple[Route, ...]:
        """The routes that may run a task, the preferred one first: those that are able to, and that its rules allow.

        Raises `Refusal` when there are none.
        """
        if chosen := self.choose(self.able_routes(model, references, spec), spec).allowed:
            return chosen
        raise _all_above_cap(model, spec)

    def able_routes(self, model: str, references: int, spec: TaskSpec) -> tuple[Route, ...]:
        """The routes that serve this model with so many reference images of the caller's, the preferred one first.

        Each has its price of what the spec asks, with so many references.

        Raises `Refusal` when no configured provider serves the model, none takes so many images, or none obeys a field
        of the spec without which the picture would mean something else.
        """
        routes = self._active(self.routes.get(model, ()))
        if not routes and (self.always_use_engine or not self.vendors()):
            routes = (self._engine_route(model),)
        if not routes:
            raise self._no_route(model, references)
        fitting = tuple(route for route in routes if route.takes(references))
        if not fitting:
            raise _too_many_references(model, references, routes)
        able = tuple(route for route in fitting if unable(spec, route.abilities) is None)
        if not able:
            raise self._unable(model, fitting, spec)
        return tuple(priced(spec, route, references) for route in able)

    def choose(self, routes: Sequence[Route], spec: TaskSpec) -> RouteChoice:
        """Those of `routes` that the spec's rules, and the service's own, allow."""
        rules = spec.rules if spec.rules.fallback else replace(spec.rules, fallback=self.fallback)
        return choose_routes(routes, rules, self.is_free)

    def active_routes(self) -> Mapping[str, tuple[Route, ...]]:
        """The routes of every model that a configured vendor serves."""
        active = {model: self._active(routes) for model, routes in self.routes.items()}
        return {model: routes for model, routes in active.items() if routes}

    def all_routes(self) -> Mapping[str, tuple[Route, ...]]:
        """The routes of every model that is served here, by a vendor or by the engine."""
        active = dict(self.active_routes())
        if self.always_use_engine or not self.vendors():
            active |= {model: (self._engine_route(model),) for model in self.served_models() if model not in active}
        return active

    def route_of_attempt(self, attempt: Attempt) -> Route | None:
        """The route of an attempt that another worker began, whichever routes lead to the model now.

        None when its provider is no longer configured.
        """
        if attempt.provider not in self.providers:
            return None
        known = {route.name: route for routes in self.routes.values() for route in routes}
        return known.get(attempt.route) or Route(
            attempt.route,
            attempt.provider,
            attempt.upstream,
            self.deadline_s,
            self.unknown_outcome,
            abilities=abilities_of(self.providers[attempt.provider], attempt.upstream, {}),
            dialect=dialect_of(self.providers[attempt.provider], attempt.upstream, {}),
        )

    def removed_route(self, attempt: Attempt) -> Route:
        """A placeholder for a route whose provider is no longer configured, to count the attempt by."""
        return Route(attempt.route, attempt.provider, attempt.upstream, 0.0, self.unknown_outcome)

    def provider(self, route: Route) -> Provider:
        return self.providers[route.provider]

    def expects_workdir(self, routes: Sequence[Route]) -> bool:
        return any(expects_workdir(self.provider(route)) for route in routes)

    def is_free(self, route: Route) -> bool:
        """Whether calls over this route cost nothing."""
        provider = self.providers.get(route.provider)
        return provider is not None and provider.free

    def served_by(self, model: str) -> str:
        """The name of the provider that would serve this model now, for headers."""
        try:
            return self.routes_for(model)[0].provider
        except Refusal:
            return "none"

    def default_model(self, preferred: str, references: int) -> str:
        """The model of a request that names none: `preferred`, or the first that is served and takes the images.

        `preferred` where none is served: its refusal says what is missing.
        """
        for name in [preferred, *self.models.rows]:
            model = self.models.effective(self.models[name], pictures=references)
            if references <= model.reference_cap and self.is_served(model.name):
                return name
        return preferred

    def served_models(self) -> list[str]:
        return [name for name in self.models if self.is_served(name)]

    def is_served(self, model: str) -> bool:
        return bool(self.always_use_engine or not self.vendors() or self._active(self.routes.get(model, ())))

    def vendors(self) -> set[str]:
        """The configured vendors that at least one route leads to."""
        return {route.provider for routes in self.routes.values() for route in routes} & self.providers.keys()

    def _active(self, routes: tuple[Route, ...]) -> tuple[Route, ...]:
        return tuple(route for route in routes if route.provider in self.providers)

    def _engine_route(self, model: str) -> Route:
        """Made once for each model: every request asks for it."""
        if model not in self._engine_routes:
            self._engine_routes[model] = self._new_engine_route(model)
        return self._engine_routes[model]

    def _new_engine_route(self, model: str) -> Route:
        return Route(
            name=f"{self.engine}/{model}",
            provider=self.engine,
            upstream=model,
            deadline_s=self.deadline_s,
            unknown_outcome=self.unknown_outcome,
            abilities=self._abilities_of_engine(model),
            dialect=dialect_of(self.providers.get(self.engine), model, {}),
        )

    def _unable(self, model: str, routes: Sequence[Route], spec: TaskSpec) -> Refusal:
        field = unable(spec, routes[0].abilities) or "model_version"
        if field == "mask" and not spec.mask:
            return _needs_mask(model)
        what = {"mask": "takes no mask", "background": "makes no transparent background"}[field]
        able = [name for name in self.served_models() if name != model and self._is_able(name, spec)]
        others = f"choose a model_version that does: {', '.join(able)}" if able else "no model served here does"
        return Refusal(
            Code.INVALID,
            f"{model} {what}, as it is served here",
            suggestion=f"Leave {field} out; {others}." if not able else f"Leave {field} out, or {others}.",
            field=field,
        )

    def _is_able(self, model: str, spec: TaskSpec) -> bool:
        routes = self._active(self.routes.get(model, ())) or (self._engine_route(model),)
        return any(unable(spec, route.abilities) is None for route in routes)

    def _abilities_of_engine(self, model: str) -> Abilities:
        abilities = abilities_of(self.providers.get(self.engine), model, {})
        known = self.models.get(model)
        return known.limit(abilities) if known else abilities

    def _no_route(self, model: str, references: int) -> Refusal:
        vendors = " or ".join(dict.fromkeys(route.provider for route in self.routes.get(model, ())))
        served = [name for name in self.served_models() if self.models[name].reference_cap >= references]
        choice = (
            f"Choose a model_version that is served here: {', '.join(served)}."
            if served
            else "Leave the images out: no model that is served here takes them."
        )
        return Refusal(
            Code.VERSION_UNKNOWN,
            f"no vendor that serves {model!r} is configured here",
            suggestion=f"{choice} "
            f"Operators: configure {vendors or 'a vendor for it'}, or set LIMNER_FALLBACK_TO_BUILTIN.",
            field="model_version",
        )


def _too_many_references(model: str, references: int, routes: Sequence[Route]) -> Refusal:
    cap = max(route.reference_cap or 0 for route in routes)
    return Refusal(
        Code.INVALID,
        f"{references} reference images were given; the vendors of {model} that are configured here take at most {cap}",
        suggestion=f"Send at most {cap} image{'' if cap == 1 else 's'}, or choose another model_version.",
        field="files",
    )


def _needs_mask(model: str) -> Refusal:
    return Refusal(
        Code.INVALID,
        f"{model} draws a part of a picture anew, and no mask says which",
        suggestion="Send a picture and its mask, or choose another model_version.",
        field="mask",
    )


def _all_above_cap(model: str, spec: TaskSpec) -> Refusal:
    return Refusal(
        Code.INVALID,
        f"no vendor that serves {model} is known to make a picture for at most ${spec.max_vendor_usd:g}",
        suggestion="Raise max_vendor_usd, or choose another model_version. The key and its account may set it too. "
        "Operators: give each route its price_usd.",
        field="max_vendor_usd",
    )
