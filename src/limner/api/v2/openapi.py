"""How the v2 routes describe themselves in the OpenAPI document.

The handlers read requests by hand, for the wire has error codes that no framework knows; so they are described by hand.
"""

from typing import Any

from limner.api.v2.errors import ERRORS
from limner.api.v2.wire import GenerateImage, TextToImage

_JSON = "application/json"

SCHEMAS: dict[str, Any] = {
    "Error": {
        "type": "object",
        "required": ["code", "message", "suggestion"],
        "properties": {
            "code": {"type": "integer", "enum": sorted(ERRORS)},
            "message": {"type": "string"},
            "suggestion": {"type": "string"},
        },
    },
    "Task": {
        "type": "object",
        "required": ["task_id", "type", "status", "input", "output", "progress", "create_time"],
        "properties": {
            "task_id": {"type": "string", "format": "uuid"},
            "type": {"type": "string"},
            "status": {
                "type": "string",
                "enum": ["queued", "running", "success", "failed", "banned", "expired", "cancelled"],
            },
            "input": {"type": "object", "description": "The request as it was understood."},
            "output": {
                "type": "object",
                "properties": {"generated_image": {"type": "string", "format": "uri"}},
                "description": "Empty until success.",
            },
            "result": {"type": "object", "description": "The older form of output."},
            "progress": {"type": "integer", "minimum": 0, "maximum": 100},
            "create_time": {"type": "integer", "description": "Seconds since 1970."},
            "queuing_num": {"type": "integer", "description": "Tasks before this one, -1 when it is not queued."},
            "running_left_time": {"type": "integer", "description": "Seconds left, -1 when it is not running."},
            "consumed_credit": {"type": "integer"},
            "error_code": {"type": "integer"},
            "error_msg": {"type": "string"},
            "prompt": {"type": "string"},
            "thumbnail": {"type": "string", "format": "uri"},
            "served_by": {"type": "object", "description": "What really made the picture."},
        },
    },
}


def _collect(model: type[GenerateImage | TextToImage]) -> None:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    SCHEMAS.update(schema.pop("$defs", {}))
    SCHEMAS[model.__name__] = schema


_collect(GenerateImage)
_collect(TextToImage)


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(schema: dict[str, Any], kind: str = _JSON) -> dict[str, Any]:
    return {"content": {kind: {"schema": schema}}}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _answers(data: dict[str, Any], *errors: int) -> dict[str, Any]:
    success = {"description": "Success", **_content(_object(code={"const": 0}, data=data))}
    refused = {
        str(code): {"description": f"Refused, HTTP {code}", **_content(_ref("Error"))} for code in (401, *errors)
    }
    return {"200": success, **refused}


def _operation(data: dict[str, Any], *errors: int, body: dict[str, Any] | None = None) -> dict[str, Any]:
    described = {"security": [{"key": []}], "responses": _answers(data, *errors)}
    return described | ({"requestBody": {"required": True, **body}} if body else {})


CREATE = _operation(
    _object(task_id={"type": "string", "format": "uuid"}),
    *(400, 403, 404, 422, 429),
    body=_content({"oneOf": [_ref("GenerateImage"), _ref("TextToImage")]}),
)
CREATE["parameters"] = [
    {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "description": "A repeat with the same key and body gets the first answer.",
    }
]
READ = _operation(_ref("Task"), 404)
CANCEL = _operation(_ref("Task"), 404)
BATCH = _operation(
    _object(tasks={"type": "object", "additionalProperties": _ref("Task")}, missed={"type": "array"}),
    400,
    body=_content(_object(task_ids={"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100})),
)
UPLOAD = _operation(
    _object(image_token={"type": "string", "format": "uuid"}),
    *(400, 429),
    body=_content(_object(file={"type": "string", "contentMediaType": "image/*"}), "multipart/form-data"),
)
BALANCE = _operation(_object(balance={"type": "integer"}, frozen={"type": "integer"}))
