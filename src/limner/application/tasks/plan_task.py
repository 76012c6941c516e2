"""Planning a task before it is accepted or quoted: its model, its prompt, and the routes that may run it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from limner.application.generation.routing import Routing
from limner.application.library.templates import AccountTemplates
from limner.application.tasks.plan import NoPlanError, Plan, composed_prompts, plan
from limner.db.tables.keys import Key
from limner.domain.ids import AccountId
from limner.domain.model import DEFAULT_MODEL, DEFAULT_MULTIVIEW_MODEL
from limner.domain.prompts.prompt import ComposedPrompt, PromptRules
from limner.domain.refusal import Code, Problems, Refusal
from limner.domain.routing.route import Route
from limner.domain.tasks.request import MULTIVIEW, FileInput, ImageRequest, UrlSource
from limner.ports.intake import Intake
from limner.ports.templates import Templates


def no_webhooks(_url: str) -> None:
    """The webhook check of a service that sends no webhooks. Raises `Refusal`."""
    raise Refusal(Code.INVALID, "webhooks are not available", suggestion="Leave webhook_url out.", field="webhook_url")


@dataclass(frozen=True, slots=True)
class DefaultModels:
    """The operator's models for requests that name none; None takes one that is served here."""

    image: str | None = None
    multiview: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A request with its model filled in, its plan, its routes, the preferred one first, and its prompts by part.

    There are no routes and no prompts only where a collected problem says why.
    """

    request: ImageRequest
    plan: Plan
    routes: tuple[Route, ...]
    prompts: dict[str, ComposedPrompt]


@dataclass(frozen=True, slots=True)
class PlanTask:
    intake: Intake
    templates: Templates
    routing: Routing
    default_models: DefaultModels = DefaultModels()
    check_webhook: Callable[[str], None] = no_webhooks
    account_templates: AccountTemplates | None = None

    async def of_account(self, account: AccountId, request: ImageRequest) -> "PlanTask":
        """The same planning, of a request that may name a template of the account's own."""
        if request.spec.template is None or self.account_templates is None:
            return self
        return replace(self, templates=await self.account_templates.of(account))

    def __call__(self, key: Key, request: ImageRequest, prompt_rules: PromptRules, problems: Problems) -> PlannedTask:
        """Plan a request of this key. Reads and writes nothing.

        Raises the first `Refusal`, or collects all of them in `problems` and may raise `NoPlanError`.
        """
        request = self._with_model(request)
        try:
            planned = self._plan(key, request, prompt_rules, problems)
        except NoPlanError:
            self._check_addresses(request, problems)
            raise
        none: tuple[Route, ...] = ()
        routes = problems.get(partial(self._routes, planned), none)
        prompts = self._prompts(planned, routes[0], problems) if routes else {}
        self._check_addresses(request, problems)
        return PlannedTask(request, planned, routes, prompts)

    def _prompts(self, planned: Plan, route: Route, problems: Problems) -> dict[str, ComposedPrompt]:
        """The prompts for the preferred route; one that cannot be composed is a problem."""
        none: dict[str, ComposedPrompt] = {}
        return problems.get(lambda: composed_prompts(planned, self.templates, route), none)

    def _routes(self, planned: Plan) -> tuple[Route, ...]:
        return self.routing.routes_for(planned.model.name, planned.references, planned.spec)

    def _plan(self, key: Key, request: ImageRequest, prompt_rules: PromptRules, problems: Problems) -> Plan:
        """The plan under the rules of the task, its key and its account, whichever is the strictest."""
        planned = plan(request, self.routing.models, self.templates, prompt_rules, problems=problems)
        own = planned.spec.rules
        if (rules := own.with_all(key.rules, key.account_rules)) == own:
            return planned
        spec = replace(planned.spec, max_vendor_usd=rules.max_vendor_usd, fallback=rules.fallback)
        return replace(planned, spec=spec)

    def _check_addresses(self, request: ImageRequest, problems: Problems) -> None:
        for file in request.inputs:
            problems.check(partial(self._check_address, file))
        problems.check(partial(self._check_webhook, request.webhook_url))

    def _with_model(self, request: ImageRequest) -> ImageRequest:
        """The request with the default model filled in: the operator's, or else one that is served here."""
        if request.model is not None:
            return request
        if request.type in MULTIVIEW:
            served = self.routing.default_model(DEFAULT_MULTIVIEW_MODEL, references=1)
            return replace(request, model=self.default_models.multiview or served)
        return replace(request, model=self.default_model(len(request.files)))

    def default_model(self, references: int) -> str:
        """The model of a request for a picture that names none."""
        return self.default_models.image or self.routing.default_model(DEFAULT_MODEL, references)

    def _check_address(self, file: FileInput) -> None:
        """Raise `Refusal` for what is no URL. One that is not public fails the task later, when it is fetched."""
        if isinstance(file.source, UrlSource):
            try:
                self.intake.check_url(file.source.url)
            except Refusal as refusal:
                if refusal.code is Code.INVALID:
                    raise refusal.at(f"{file.field}.url") from None

    def _check_webhook(self, url: str | None) -> None:
        if url is not None:
            try:
                self.check_webhook(url)
            except Refusal as refusal:
                raise refusal.at("webhook_url") from None
