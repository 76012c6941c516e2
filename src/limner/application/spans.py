"""The names of spans and their attributes. `docs/traces.md` lists them all.

Attributes `gen_ai.*`, `http.*`, `server.*` and `error.type` are those of OpenTelemetry's semantic conventions, written
out here: its package marks them as moved.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from limner.domain.routing.route import Route
from limner.domain.tasks.task import Task
from limner.ports.provider import Delivered
from limner.ports.tracing import Attributes

QUEUE, TASK, ATTEMPT = "limner.queue", "limner.task", "limner.attempt"
KEEP, SETTLE, WEBHOOK = "limner.keep", "limner.settle", "limner.webhook"
VENDOR_CALL = "generate_content"
"""The operation of the conventions; the span's name is this and the upstream's."""

TASK_ID, ACCOUNT, MODEL, STATUS = "limner.task.id", "limner.account.id", "limner.model", "limner.task.status"
CLAIMS, CREDITS, REQUEST_ID = "limner.task.claims", "limner.task.credits", "limner.request.id"
ROUTE, PROVIDER, OUTCOME = "limner.route", "limner.provider", "limner.attempt.outcome"
ATTEMPT_ID, RESUMED, SPEND_USD = "limner.attempt.id", "limner.attempt.resumed", "limner.spend.usd"
EVENT, DELIVERY, TRIES = "limner.webhook.event", "limner.webhook.delivery", "http.request.resend_count"
METHOD, PATH, HTTP_STATUS, HOST = "http.request.method", "http.route", "http.response.status_code", "server.address"

_OPERATION = {"gen_ai.operation.name": VENDOR_CALL, "gen_ai.output.type": "image"}
_GEN_AI_PROVIDER, _GEN_AI_MODEL, _GEN_AI_ANSWERED = (
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
)
_PROVIDERS: Mapping[str, str] = MappingProxyType({"azure": "azure.ai.openai", "gemini": "gcp.gemini"})
"""The conventions' names of providers, where they differ from ours."""


def of_task(task: Task) -> Attributes:
    return {TASK_ID: task.id, ACCOUNT: task.account, MODEL: task.model}


def of_ended_task(task: Task) -> Attributes:
    return {STATUS: task.status, CREDITS: task.consumed}


def of_attempt(route: Route, attempt: str, *, resumed: bool) -> Attributes:
    facts = {ROUTE: route.name, PROVIDER: route.provider, ATTEMPT_ID: attempt}
    return {**facts, RESUMED: True} if resumed else facts


def of_vendor_call(route: Route, adapter: str) -> Attributes:
    """`adapter` is the name of the provider's protocol, which the conventions know."""
    return {**_OPERATION, _GEN_AI_PROVIDER: _PROVIDERS.get(adapter, adapter), _GEN_AI_MODEL: route.upstream}


def of_delivery(delivered: Delivered) -> Attributes:
    """What the vendor said of its work."""
    model: Any = delivered.served_by.get("model")
    return {_GEN_AI_ANSWERED: model} if isinstance(model, str) else {}
