"""OpenAPI descriptions of the webhook routes."""

from typing import Any

from limner.api.http.openapi_schema import content, fields, ref, schemas_of
from limner.api.webhooks.wire import DeliveriesQuery, NewWebhook, Rotation
from limner.domain.webhook import SELECTABLE_EVENTS, DeliveryState, EventType

_UUID = {"type": "string", "format": "uuid"}
_MOMENT = {"type": "string", "format": "date-time"}
_TEXT = {"type": "string"}


def _or_null(kind: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [kind, {"type": "null"}]}


_WEBHOOK: dict[str, Any] = {
    "webhook_id": _UUID,
    "url": _or_null(_TEXT),
    "per_task": {"type": "boolean"},
    "events": {"type": "array", "items": {"type": "string", "enum": list(SELECTABLE_EVENTS)}},
    "description": _TEXT,
    "enabled": {"type": "boolean"},
    "disabled_why": _or_null(_TEXT),
    "created_at": _MOMENT,
}
_SECRET = {"type": "string", "pattern": "^whsec_", "description": "Shown only in this response."}
_ATTEMPT = fields(
    number={"type": "integer"},
    at=_MOMENT,
    duration_ms={"type": "integer"},
    status=_or_null({"type": "integer"}),
    error=_or_null(_TEXT),
    answer=_or_null(_TEXT),
)
_DELIVERY: dict[str, Any] = {
    "delivery_id": {"type": "string", "pattern": "^msg_[0-9a-f]{32}$"},
    "webhook_id": _UUID,
    "event": {"type": "string", "enum": list(EventType)},
    "task_id": _or_null(_UUID),
    "url": _or_null(_TEXT),
    "state": {"type": "string", "enum": list(DeliveryState)},
    "attempts": {"type": "integer"},
    "created_at": _MOMENT,
    "next_at": _or_null(_MOMENT),
    "finished_at": _or_null(_MOMENT),
}

SCHEMAS: dict[str, Any] = {
    "Webhook": fields(**_WEBHOOK),
    "WebhookWithSecret": fields(**_WEBHOOK, secret=_SECRET),
    "Delivery": fields(**_DELIVERY),
    "DeliveryWithLog": fields(**_DELIVERY, log={"type": "array", "items": _ATTEMPT}),
    **schemas_of(NewWebhook, Rotation),
}


def _operation(data: dict[str, Any], *errors: int, body: dict[str, Any] | None = None) -> dict[str, Any]:
    success = {"description": "Success", **content(fields(code={"const": 0}, data=data))}
    codes = (401, 403, 429, *errors)
    refused = {str(code): {"description": f"Refused, HTTP {code}", **content(ref("Error"))} for code in codes}
    described = {"security": [{"key": []}], "responses": {"200": success, **refused}}
    return described | ({"requestBody": body} if body else {})


def _query(name: str) -> dict[str, Any]:
    schema = DeliveriesQuery.model_json_schema()
    return {"name": name, "in": "query", "required": False, "schema": _flat(schema, name)}


def _flat(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """A property without `$ref`: the referenced schema is not part of the document."""
    return {"type": "string", "enum": list(DeliveryState)} if name == "state" else schema["properties"][name]


LIST = _operation(fields(webhooks={"type": "array", "items": ref("Webhook")}))
ADD = _operation(ref("WebhookWithSecret"), 400, body={"required": True, **content(ref("NewWebhook"))})
READ = _operation(ref("Webhook"), 404)
REMOVE = _operation(ref("Webhook"), 404)
ENABLE = _operation(ref("Webhook"), 404)
ROTATE = _operation(ref("WebhookWithSecret"), 400, 404, body={"required": False, **content(ref("Rotation"))})
TEST = _operation(ref("Delivery"), 400, 404)
DELIVERIES = _operation(fields(deliveries={"type": "array", "items": ref("DeliveryWithLog")}), 400, 404)
DELIVERIES["parameters"] = [_query("state"), _query("limit")]
DELIVERY = _operation(ref("DeliveryWithLog"), 404)
REPLAY = _operation(ref("Delivery"), 400, 404)
