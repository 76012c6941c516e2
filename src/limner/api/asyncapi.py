"""AsyncAPI's document of what Limner sends: frames of watches over WebSockets, and webhook messages."""

from collections.abc import Mapping
from typing import Any

from limner import __version__
from limner.domain.accounts.budgets import BudgetPeriod

WATCHES = {
    "watchTask": ("/v2/openapi/task/watch/{task_id}", "One task, until it has ended."),
    "watchAll": ("/v2/openapi/task/watch/all", "All tasks of the account: those under way, then every change."),
    "watchSince": ("/v2/openapi/task/watch/all/{since}", "The same, beginning with what changed since a time."),
}
ENDS = ("task.succeeded", "task.failed", "task.banned", "task.expired", "task.cancelled")
_TASK = {"$ref": "#/components/schemas/Task"}
_PARAMETERS = {"task_id": "The task's id.", "since": "An ISO 8601 time with its offset."}


def asyncapi_document(openapi: Mapping[str, Any]) -> dict[str, Any]:
    """The document, with the schema of tasks as OpenAPI has it."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Limner", "version": __version__, "description": "Watches and webhooks; docs/watching.md."},
        "channels": {**{name: _watch(*facts) for name, facts in WATCHES.items()}, "webhook": _webhook()},
        "operations": {
            **{f"{name}Frames": _sends(name, ["frame"]) for name in WATCHES},
            "webhookMessages": _sends("webhook", ["end", "progress", "budget", "test"]),
        },
        "components": {
            "schemas": {"Task": openapi["components"]["schemas"]["Task"], **_SCHEMAS},
            "messages": _MESSAGES,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _watch(address: str, description: str) -> dict[str, Any]:
    named = {name: {"description": text} for name, text in _PARAMETERS.items() if f"{{{name}}}" in address}
    channel: dict[str, Any] = {
        "address": address,
        "description": description,
        "messages": {"frame": {"$ref": "#/components/messages/frame"}},
        "bindings": {"ws": {"method": "GET"}},
    }
    return {**channel, "parameters": named} if named else channel


def _webhook() -> dict[str, Any]:
    kinds = ("end", "progress", "budget", "test")
    return {
        "address": None,
        "description": "The URL of a webhook of the account, which Limner calls by POST.",
        "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in kinds},
    }


def _sends(channel: str, messages: list[str]) -> dict[str, Any]:
    named = [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages]
    return {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "messages": named}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _message_schema(types: tuple[str, ...], data: dict[str, Any]) -> dict[str, Any]:
    return _object(
        type={"type": "string", "enum": list(types)}, timestamp={"type": "string", "format": "date-time"}, data=data
    )


_COUNT = {"type": "integer"}
_BUDGET = _object(
    of={"type": "string", "enum": ["account", "key"]},
    period={"type": "string", "enum": list(BudgetPeriod)},
    percent=_COUNT,
    spent=_COUNT,
    limit=_COUNT,
)
_SCHEMAS: dict[str, Any] = {
    "WatchFrame": _object(event={"type": "string", "enum": ["update", "finalized"]}, data=_TASK),
    "TaskEnded": _message_schema(ENDS, _TASK),
    "TaskProgressed": _message_schema(("task.progress",), _TASK),
    "BudgetWarning": _message_schema(("budget.warning",), _object(budget=_BUDGET)),
    "WebhookTest": _message_schema(("webhook.test",), {"type": "object"}),
}
_HEADERS = _object(**{name: {"type": "string"} for name in ("webhook-id", "webhook-timestamp", "webhook-signature")})
_MESSAGES: dict[str, Any] = {
    "frame": {"contentType": "application/json", "payload": {"$ref": "#/components/schemas/WatchFrame"}},
    **{
        kind: {
            "contentType": "application/json",
            "headers": _HEADERS,
            "payload": {"$ref": f"#/components/schemas/{schema}"},
        }
        for kind, schema in {
            "end": "TaskEnded",
            "progress": "TaskProgressed",
            "budget": "BudgetWarning",
            "test": "WebhookTest",
        }.items()
    },
}
