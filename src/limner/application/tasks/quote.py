"""Quoting a task: what it would cost, which route would run it, with which prompt, and all that is wrong with it.

The plan is the one of `Submit`. Nothing is written and no picture is opened.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from limner.application.images.references import ResolveInputs
from limner.application.operations.route_states import RouteCondition, RouteState, route_state
from limner.application.tasks.multiview import original_of
from limner.application.tasks.plan import NoPlanError
from limner.application.tasks.plan_task import PlannedTask, PlanTask
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.keys import Key
from limner.domain.accounts.budgets import Budget, BudgetSpent, periods_of
from limner.domain.accounts.credits import Balance
from limner.domain.prompts.prompt import V2_RULES, PromptRules
from limner.domain.refusal import Code, Problems, Refusal
from limner.domain.routing.breaker import CLOSED
from limner.domain.routing.obeyed import obeyed
from limner.domain.routing.provider_limits import ProviderMeter
from limner.domain.routing.route import Route
from limner.domain.routing.route_choice import SkippedRoute
from limner.domain.tasks.progress import expected_ms
from limner.domain.tasks.request import ImageRequest, InlineSource
from limner.domain.tasks.task import IgnoredField
from limner.ports.clock import Clock

DURATION_SAMPLES = 20
"""How many recent runs of a route its expected time comes from."""

MAX_AHEAD = 1_000
"""Tasks in front are counted up to here."""


@dataclass(frozen=True, slots=True)
class RouteQuote:
    """A route that the task may take, its state now, and how long a picture takes on it by recent ones."""

    route: Route
    is_free: bool
    state: RouteState
    expected_ms: int

    @property
    def price_usd(self) -> float | None:
        return 0.0 if self.is_free else self.route.price_usd


@dataclass(frozen=True, slots=True)
class Funds:
    """What the caller may spend: the account's credits and budgets, and the budgets of the key."""

    balance: Balance
    of_account: Sequence[Budget]
    of_key: Sequence[Budget]


@dataclass(frozen=True, slots=True)
class Quote:
    """`routes` are in the order in which they would be tried; the first that is open would run the task.

    `planned` is None where the request is too wrong for a plan; `problems` says why.
    """

    problems: Sequence[Refusal]
    funds: Funds
    planned: PlannedTask | None = None
    model_reason: str = ""
    routes: Sequence[RouteQuote] = ()
    skipped: Sequence[SkippedRoute] = ()
    ignored: Sequence[IgnoredField] = ()
    ahead: int = 0

    @property
    def would_run(self) -> RouteQuote | None:
        """The first open route, else the first one."""
        opened = [each for each in self.routes if each.state.condition is RouteCondition.OPEN]
        return next(iter([*opened, *self.routes]), None)


@dataclass(slots=True)
class _Facts:
    """What a quote reads from the database."""

    funds: Funds
    ahead: int
    routes: list[RouteQuote] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class QuoteTask:
    store: Store
    plan: PlanTask
    clock: Clock
    transcode_webp: bool

    async def __call__(
        self, key: Key, request: ImageRequest | None, *, problems: Problems, prompt_rules: PromptRules = V2_RULES
    ) -> Quote:
        """Quote a request. `problems` are those that its parsing found; None is one that could not be parsed."""
        planned = await self._planned(key, request, prompt_rules, problems) if request else None
        facts = await self.store.read(lambda records: self._facts(records, key, planned, problems))
        if request is None or planned is None:
            return Quote(distinct(problems.found), facts.funds, ahead=facts.ahead)
        return Quote(
            distinct(problems.found),
            facts.funds,
            planned,
            self._model_reason(request, planned),
            facts.routes,
            self._skipped(planned),
            obeyed(planned.plan.spec, planned.routes[0]).ignored if planned.routes else (),
            facts.ahead,
        )

    async def _planned(
        self, key: Key, request: ImageRequest, prompt_rules: PromptRules, problems: Problems
    ) -> PlannedTask | None:
        plan = await self.plan.of_account(key.account, request)
        try:
            return plan(key, request, prompt_rules, problems)
        except NoPlanError:
            return None

    def _model_reason(self, request: ImageRequest, planned: PlannedTask) -> str:
        """Why the task would run on this model."""
        model, asked = planned.plan.model.name, planned.request.model or ""
        named = self.plan.routing.models.called(asked)
        if named and named.name != model:
            return f"{named.name} takes no pictures, and {model} takes over for it"
        if request.model is None:
            return "no model was named, and this is the default here"
        return f"{asked} is another name of it" if asked != model else "it was asked for"

    def _skipped(self, planned: PlannedTask) -> Sequence[SkippedRoute]:
        """The routes that the rules for spending leave out."""
        spec, routing = planned.plan.spec, self.plan.routing
        try:
            able = routing.able_routes(planned.plan.model.name, planned.plan.references, spec)
        except Refusal:
            return ()
        return routing.choose(able, spec).skipped

    # --- read from the database ------------------------------------------------------------------------------------

    def _facts(self, records: Records, key: Key, planned: PlannedTask | None, problems: Problems) -> _Facts:
        now_ms = self.clock.now_ms()
        periods = periods_of(now_ms)
        of_key = records.keys.budgets(key.id, periods) if key.id else ()
        funds = Funds(records.accounts.balance(key.account), records.accounts.budgets(key.account, periods), of_key)
        facts = _Facts(funds, records.tasks.count_ahead_of_new(key.account, MAX_AHEAD))
        if planned:
            self._check_inputs(records, key, planned, problems, now_ms)
            problems.check(partial(_check_funds, facts.funds, planned.plan.price))
            facts.routes = self._routes(records, planned, now_ms)
        return facts

    def _check_inputs(self, records: Records, key: Key, planned: PlannedTask, problems: Problems, now_ms: int) -> None:
        has, model = records.blobs.exists, planned.plan.model
        resolve = ResolveInputs(records, key.account, model, {}, now_ms, self.transcode_webp, has)
        for file in planned.request.inputs:
            if not isinstance(file.source, InlineSource):
                problems.check(_without_result(partial(resolve, (file,))))
        if planned.request.original:
            original = partial(original_of, records, key.account, planned.request.original, model, has)
            problems.check(_without_result(original))

    def _routes(self, records: Records, planned: PlannedTask, now_ms: int) -> list[RouteQuote]:
        breakers, meters = records.provider_state.breakers(), records.provider_state.meters()
        return [
            RouteQuote(
                route,
                self.plan.routing.is_free(route),
                route_state(
                    route,
                    (planned.plan.model.name,),
                    breakers.get(route.name, CLOSED),
                    meters.get(route.provider, ProviderMeter()),
                    now_ms,
                ),
                expected_ms(records.attempts.recent_durations_ms(route.name, DURATION_SAMPLES)),
            )
            for route in planned.routes
        ]


def distinct(problems: Sequence[Refusal]) -> list[Refusal]:
    """The first problem of each field; those of no field, all."""
    found: dict[object, Refusal] = {}
    for each in problems:
        found.setdefault(each.field or id(each), each)
    return list(found.values())


def _check_funds(funds: Funds, price: int) -> None:
    available = funds.balance.available
    if available < price:
        raise Refusal(
            Code.NO_CREDIT,
            f"the task costs {price} credits, {available} are left",
            suggestion=f"The task costs {price} credits and {available} are left: ask the operator for more.",
        )
    for whose, budgets in (("account", funds.of_account), ("key", funds.of_key)):
        for budget in budgets:
            if not budget.has_room(price):
                raise BudgetSpent(whose, budget, price)


def _without_result(step: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        step()

    return run
