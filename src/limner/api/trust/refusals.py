"""`/v1/refusals`: what was refused to an account, and its appeals. Errors come in the envelope of v2."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictStr
from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.authentication import caller
from limner.api.http.bodies.json_body import parse, read_object, validated
from limner.api.http.bodies.success import success
from limner.api.http.openapi_schema import content, fields, ref
from limner.api.http.operation import Operation
from limner.api.service_container import Services
from limner.application.moderation.appeals import LONGEST_TEXT, SHOWN, facts
from limner.domain.moderation import RefusalStage

PATH = "/v1/refusals"

_TEXT = {"type": ["string", "null"]}
_TIME = {"type": ["integer", "null"]}
REFUSAL: dict[str, Any] = fields(
    id={"type": "string"},
    task=_TEXT,
    stage={"type": "string", "enum": list(RefusalStage)},
    reason={"type": "string"},
    categories={"type": "array", "items": {"type": "string"}},
    prompt=_TEXT,
    at_ms={"type": "integer"},
    appeal=_TEXT,
    appealed_ms=_TIME,
    decision={"type": ["string", "null"], "enum": ["upheld", "overturned", None]},
    answer=_TEXT,
    answered_ms=_TIME,
)


class Appeal(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: StrictStr = Field(max_length=LONGEST_TEXT, description="Why the refusal is wrong.")


def operations(services: Services) -> list[Operation]:
    moderation = services.moderation

    async def list_own(request: Request) -> Response:
        return success({"rows": [facts(each) for each in await moderation.of_account(caller(request).account)]})

    async def read(request: Request) -> Response:
        return success(facts(await moderation.own(caller(request).account, request.path_params["refusal_id"])))

    async def appeal(request: Request) -> Response:
        sent, _ = await parse(request, lambda body: validated(Appeal, read_object(body)))
        key = caller(request)
        return success(facts(await moderation.appeal(key.account, request.path_params["refusal_id"], sent.text)))

    one = f"{PATH}/{{refusal_id}}"
    listed = _described(fields(rows={"type": "array", "items": REFUSAL}))
    body = {"required": True, "content": {"application/json": {"schema": _APPEAL}}}
    return [
        Operation(
            "GET", PATH, list_own, "refusals", f"List what was refused to you, the {SHOWN} newest", listed, "read"
        ),
        Operation("GET", one, read, "refusals", "Read a refusal", _described(REFUSAL), "read"),
        Operation(
            "POST",
            f"{one}/appeal",
            appeal,
            "refusals",
            "Appeal a refusal",
            _described(REFUSAL) | {"requestBody": body},
            "generate",
        ),
    ]


_REFUSED = (400, 401, 403, 404, 413, 415, 429)
_APPEAL = fields(
    text={"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT, "description": "Why the refusal is wrong."}
)


def _described(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "security": [{"key": []}],
        "responses": {
            "200": {"description": "Success", **content(fields(code={"const": 0}, data=data))},
            **{str(code): {"description": f"Refused, HTTP {code}", **content(ref("Error"))} for code in _REFUSED},
        },
    }
