"""A quote as JSON, and its description."""

from collections.abc import Callable, Mapping
from typing import Any

from limner.api.http.openapi_schema import fields
from limner.application.operations.route_states import RouteCondition
from limner.application.tasks.plan_task import PlannedTask
from limner.application.tasks.quote import Quote, RouteQuote
from limner.domain.accounts.budgets import Budget
from limner.domain.prompts.prompt import ComposedPrompt
from limner.domain.refusal import Refusal

DescribeProblem = Callable[[Refusal], dict[str, Any]]
"""A problem in the words and codes of an API."""


def quote_body(quote: Quote, describe: DescribeProblem) -> dict[str, Any]:
    """What was planned is null or empty where the problems leave nothing to plan."""
    planned, runs = quote.planned, quote.would_run
    model = planned.plan.model if planned else None
    return {
        "price": planned.plan.price if planned else None,
        "n": planned.plan.spec.n if planned else None,
        "model": {"model_version": model.name, "title": model.title, "reason": quote.model_reason} if model else None,
        "route": _route(runs) if runs else None,
        "fallbacks": [_route(each) for each in quote.routes if each is not runs],
        "skipped_routes": [{"name": each.route.name, "reason": each.reason} for each in quote.skipped],
        "tasks_ahead": quote.ahead,
        "prompts": [_prompt(part, each) for part, each in planned.prompts.items()] if planned else [],
        "references": _references(planned) if planned else [],
        "ignored": _ignored(quote),
        "funds": _funds(quote),
        "problems": [describe(each) for each in quote.problems],
    }


def _route(quoted: RouteQuote) -> dict[str, Any]:
    route, state = quoted.route, quoted.state
    return {
        "name": route.name,
        "provider": route.provider,
        "model": route.upstream,
        "price_usd": quoted.price_usd,
        "expected_seconds": round(quoted.expected_ms / 1000, 1),
        "open": state.condition is RouteCondition.OPEN,
        **({"reason": state.reason} if state.reason else {}),
    }


def _prompt(part: str, composed: ComposedPrompt) -> dict[str, Any]:
    return {
        "picture": part,
        "text": composed.text,
        "parts": [{"source": each.source, "text": each.text} for each in composed.parts],
        "aspect_ratio": composed.aspect_ratio,
        "notes": list(composed.notes),
    }


def _references(planned: PlannedTask) -> list[dict[str, Any]]:
    """The pictures in the order in which the vendor gets them: the caller's, then those of the template."""
    own: list[dict[str, Any]] = [{"source": "caller", "field": each.field} for each in planned.request.files]
    sent = max((each.template_pictures for each in planned.prompts.values()), default=0)
    template = {"source": "template", "template": planned.plan.spec.template}
    return [{"number": number, **each} for number, each in enumerate([*own, *[template] * sent], start=1)]


def _ignored(quote: Quote) -> list[dict[str, str]]:
    unknown = quote.planned.plan.spec.ignored if quote.planned else ()
    return [
        *({"field": field, "reason": "it has no meaning here"} for field in unknown),
        *({"field": each.field, "reason": each.reason} for each in quote.ignored),
    ]


def _funds(quote: Quote) -> dict[str, Any]:
    funds = quote.funds
    budgets = [("account", each) for each in funds.of_account] + [("key", each) for each in funds.of_key]
    return {
        "balance": funds.balance.available,
        "frozen": funds.balance.frozen,
        "budgets": [_budget(whose, each) for whose, each in budgets if each.most is not None],
    }


def _budget(whose: str, budget: Budget) -> Mapping[str, Any]:
    facts = {"of": whose, "period": budget.period, "spent": budget.spent}
    return facts | {"limit": budget.most, "left": budget.left}


_TEXT = {"type": "string"}
_COUNT = {"type": "integer"}
_OR_NULL = {"type": "null"}


def _listed(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "object", "properties": properties}}


_ROUTE = fields(
    name=_TEXT,
    provider=_TEXT,
    model=_TEXT,
    price_usd={"type": ["number", "null"], "description": "Of one picture, at the vendor. Null is not known."},
    expected_seconds={"type": "number"},
    open={"type": "boolean"},
)

QUOTE_SCHEMA = fields(
    price={"type": ["integer", "null"], "description": "Credits of the task."},
    n={"type": ["integer", "null"]},
    model={"anyOf": [fields(model_version=_TEXT, title=_TEXT, reason=_TEXT), _OR_NULL]},
    route={"anyOf": [_ROUTE, _OR_NULL], "description": "The route that would run the task now."},
    fallbacks={"type": "array", "items": _ROUTE},
    skipped_routes=_listed(name=_TEXT, reason=_TEXT),
    tasks_ahead=_COUNT,
    prompts=_listed(picture=_TEXT, text=_TEXT, parts=_listed(source=_TEXT, text=_TEXT)),
    references=_listed(number=_COUNT, source=_TEXT, field=_TEXT, template=_TEXT),
    ignored=_listed(field=_TEXT, reason=_TEXT),
    funds=fields(balance=_COUNT, frozen=_COUNT, budgets=_listed(of=_TEXT, period=_TEXT, limit=_COUNT, left=_COUNT)),
    problems=_listed(code=_COUNT, message=_TEXT, suggestion=_TEXT, field=_TEXT),
)
