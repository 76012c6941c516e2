"""OpenAPI descriptions of `/admin`. The shapes of answers are those of the dataclasses that are sent."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter

from limner.api.admin.wire import (
    AdminAccountChange,
    AdminAnswer,
    AdminBudget,
    AdminErasure,
    AdminExamination,
    AdminFailurePage,
    AdminGrant,
    AdminKeep,
    AdminKeyLimits,
    AdminLedgerPage,
    AdminNewAccount,
    AdminNewKey,
    AdminPage,
    AdminPeriod,
    AdminProvider,
    AdminRefusals,
    AdminRest,
    AdminRoute,
    AdminShare,
    AdminStudioLink,
    AdminTaskPage,
    AdminWords,
)
from limner.api.http.openapi_schema import content, fields, ref, schemas_of
from limner.api.webhooks import openapi as webhooks_openapi
from limner.api.webhooks.wire import NewWebhook, Rotation
from limner.application.operations.overview import Overview
from limner.application.operations.route_states import RouteState
from limner.application.retention.check_consistency import Finding
from limner.application.route_statistics.read import RouteStatistics
from limner.db.tables.attempts import RouteSpend
from limner.db.tables.operations.admin_pages import AccountRow, FailedAttempt
from limner.db.tables.operations.audit_log import AuditEntry
from limner.db.tables.operations.overview import ModelQueue

_SENT = (Overview, RouteState, RouteStatistics, Finding, RouteSpend, AuditEntry, AccountRow, FailedAttempt, ModelQueue)
_OBJECT: Mapping[str, Any] = {"type": "object"}


def _sent(kind: type) -> dict[str, Any]:
    """The schemas of a dataclass and of those in it, by name."""
    schema = TypeAdapter(kind).json_schema(mode="serialization", ref_template="#/components/schemas/Admin{model}")
    inner = {f"Admin{name}": each for name, each in schema.pop("$defs", {}).items()}
    return {**inner, f"Admin{kind.__name__}": schema}


SCHEMAS: dict[str, Any] = {
    **{name: schema for kind in _SENT for name, schema in _sent(kind).items()},
    **schemas_of(
        AdminNewAccount,
        AdminAccountChange,
        AdminGrant,
        AdminKeyLimits,
        AdminNewKey,
        AdminRest,
        AdminRoute,
        AdminProvider,
        AdminExamination,
        AdminBudget,
        AdminErasure,
        AdminKeep,
        AdminShare,
        AdminStudioLink,
        AdminWords,
        AdminAnswer,
    ),
}


def _operation(
    data: Mapping[str, Any], *errors: int, body: type[BaseModel] | None = None, query: type[BaseModel] | None = None
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "security": [{"key": []}],
        "responses": {
            "200": {"description": "Success", **content(fields(code={"const": 0}, data=dict(data)))},
            **{
                str(code): {"description": f"Refused, HTTP {code}", **content(ref("Error"))}
                for code in (401, 403, 429, *errors)
            },
        },
    }
    if body is not None:
        required = any(field.is_required() for field in body.model_fields.values())
        described["requestBody"] = {"required": required, **content(ref(body.__name__))}
    if query is not None:
        described["parameters"] = _parameters(query)
    return described


def _parameters(query: type[BaseModel]) -> list[dict[str, Any]]:
    """A parameter for each field. What a field refers to is not part of the document, so it is written out."""
    schema = query.model_json_schema()
    known = {f"#/$defs/{name}": each for name, each in schema.get("$defs", {}).items()}

    def flat(part: dict[str, Any]) -> dict[str, Any]:
        choices = [known.get(each.get("$ref", ""), each) for each in part.get("anyOf", [])]
        return part | ({"anyOf": choices} if choices else {})

    return [
        {"name": name, "in": "query", "required": False, "schema": flat(part)}
        for name, part in schema["properties"].items()
    ]


def _rows(items: Mapping[str, Any]) -> dict[str, Any]:
    cursor = {"type": ["string", "null"], "description": "Pass it as `after`; null on the last page."}
    return fields(rows={"type": "array", "items": dict(items)}, next=cursor)


OVERVIEW = _operation(ref("AdminOverview"))
QUEUE = _operation(
    fields(
        by_model={"type": "array", "items": ref("AdminModelQueue")},
        by_account={"type": "array", "items": dict(_OBJECT)},
    )
)
ROUTES = _operation(_rows(ref("AdminRouteStatistics")))
REST = _operation(ref("AdminRouteState"), 400, body=AdminRest)
WAKE = _operation(ref("AdminRouteState"), 400, body=AdminRoute)
CHECK = _operation(_rows(_OBJECT), 400, body=AdminProvider)
FAILURES = _operation(_rows(ref("AdminFailedAttempt")), 400, query=AdminFailurePage)
SPEND = _operation(
    fields(
        since_ms={"type": "integer"},
        rows={"type": "array", "items": ref("AdminRouteSpend")},
        worth_usd={"type": "number"},
        paid_usd={"type": "number"},
        margin_usd={"type": "number"},
    ),
    400,
    query=AdminPeriod,
)
AUDIT = _operation(_rows(ref("AdminAuditEntry")), 400, query=AdminPage)
REFUSALS = _operation(_rows(_OBJECT), 400, query=AdminRefusals)
ANSWER = _operation(_OBJECT, 400, 404, body=AdminAnswer)
WORDS = _operation(_OBJECT, 400)
SET_WORDS = _operation(_OBJECT, 400, body=AdminWords)
PRUNE = _operation(_OBJECT, 400)
EXAMINE = _operation(
    fields(well={"type": "boolean"}, findings={"type": "array", "items": ref("AdminFinding")}),
    400,
    body=AdminExamination,
)
ACCOUNTS = _operation(_rows(ref("AdminAccountRow")), 400, query=AdminPage)
CREATE_ACCOUNT = _operation(_OBJECT, 400, body=AdminNewAccount)
CHANGE_ACCOUNT = _operation(_OBJECT, 400, body=AdminAccountChange)
GRANT = _operation(_OBJECT, 400, body=AdminGrant)
KEYS = _operation(_rows(_OBJECT), 400)
CREATE_KEY = _operation(_OBJECT, 400, body=AdminNewKey)
LIMIT_KEY = _operation(_OBJECT, 400, body=AdminKeyLimits)
REVOKE_KEY = _operation(_OBJECT, 400)

BUDGET = _operation(_OBJECT, 400)
CHANGE_BUDGET = _operation(_OBJECT, 400, body=AdminBudget)
LEDGER = _operation(_OBJECT, 400, query=AdminLedgerPage)
PROOF = _operation(fields(proved={"type": "boolean"}, faults={"type": "array", "items": {"type": "string"}}))
ERASE_ACCOUNT = _operation(_OBJECT, 400, body=AdminErasure)
STUDIO_LINK = _operation(_OBJECT, 400, body=AdminStudioLink)
TEMPLATES = _operation(_rows(_OBJECT), 400)
SHARE_TEMPLATE = _operation(_OBJECT, 400, 404, body=AdminShare)
REMOVE_TEMPLATE = _operation(_OBJECT, 400, 404)

TASKS = _operation(_rows(_OBJECT), 400, query=AdminTaskPage)
TASK = _operation(_OBJECT, 400, 404)
KEEP_TASK = _operation(_OBJECT, 400, 404, body=AdminKeep)
ERASE_TASK = _operation(_OBJECT, 400, 404, body=AdminErasure)

WEBHOOKS = _operation(_rows(ref("Webhook")), 400)
WEBHOOK = _operation(ref("Webhook"), 404)
ADD_WEBHOOK = _operation(ref("WebhookWithSecret"), 400, body=NewWebhook)
ROTATE_WEBHOOK = _operation(ref("WebhookWithSecret"), 400, 404, body=Rotation)
DELIVERIES = _operation(_rows(ref("DeliveryWithLog")), 400, 404)
DELIVERIES["parameters"] = webhooks_openapi.DELIVERIES["parameters"]
DELIVERY = _operation(ref("Delivery"), 400, 404)
