"""OpenAPI descriptions of the v2 routes, written by hand because the handlers parse requests themselves."""

from typing import Any

from limner.api.http.openapi_schema import IDEMPOTENCY_KEY, content, fields, ref, schemas_of
from limner.api.http.prefer_wait import PREFER
from limner.api.tripo.model_list import MODEL_LIST
from limner.api.tripo.quote_body import QUOTE_SCHEMA
from limner.api.tripo.task_fields import IGNORED, PARTIAL_IMAGES
from limner.api.v2.errors import ERRORS
from limner.api.v2.wire import TASKS, EditMultiview, GenerateImage, GenerateMultiview, TextToImage
from limner.domain.upload import FORMATS

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
                "properties": {
                    "generated_image": {"type": "string", "format": "uri"},
                    "generated_images": {
                        "type": "array",
                        "items": {"type": "string", "format": "uri"},
                        "description": "All pictures of a request for several.",
                    },
                },
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
            "thumbnail_url": {"type": "string", "format": "uri", "description": "A small copy; in lists and lineages."},
            "ignored": IGNORED,
            "partial_images": PARTIAL_IMAGES,
            "kept": {"const": True, "description": "Retention leaves its pictures alone. Absent otherwise."},
            "erase_time": {"type": "integer", "description": "When it will be erased, unless that is undone."},
            "output_removed_time": {"type": "integer", "description": "When its picture was removed, Unix seconds."},
        },
    },
}


SCHEMAS["Quote"] = QUOTE_SCHEMA
SCHEMAS |= schemas_of(GenerateImage, TextToImage, GenerateMultiview, EditMultiview)


def _answers(data: dict[str, Any], *errors: int) -> dict[str, Any]:
    success = {"description": "Success", **content(fields(code={"const": 0}, data=data))}
    refused = {str(code): {"description": f"Refused, HTTP {code}", **content(ref("Error"))} for code in (401, *errors)}
    return {"200": success, **refused}


def operation(data: dict[str, Any], *errors: int, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The description of a call with a key that answers `data`."""
    described = {"security": [{"key": []}], "responses": _answers(data, *errors)}
    return described | ({"requestBody": {"required": True, **body}} if body else {})


CREATE = operation(
    {"anyOf": [fields(task_id={"type": "string", "format": "uuid"}), ref("Task")]},
    *(400, 403, 404, 422, 429),
    body=content({"oneOf": [ref(task.__name__) for task in TASKS.values()]}),
)
CREATE["parameters"] = [IDEMPOTENCY_KEY, PREFER]
QUOTE = operation(ref("Quote"), 400, 403, body=CREATE["requestBody"])
READ = operation(ref("Task"), 404)
CANCEL = operation(ref("Task"), 404)
BATCH = operation(
    fields(tasks={"type": "object", "additionalProperties": ref("Task")}, missed={"type": "array"}),
    400,
    body=content(fields(task_ids={"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100})),
)
UPLOAD = operation(
    fields(image_token={"type": "string", "format": "uuid"}),
    *(400, 429),
    body=content(fields(file={"type": "string", "contentMediaType": "image/*"}), "multipart/form-data"),
)
WATCH = {
    "security": [{"key": []}],
    "description": 'A WebSocket: frames are `{"event": "update" | "finalized", "data": Task}`. Without the '
    "headers of its handshake the call is refused.",
    "responses": {
        "101": {"description": "The WebSocket is open"},
        **{
            str(code): {"description": f"Refused, HTTP {code}", **content(ref("Error"))}
            for code in (400, 401, 403, 404, 429)
        },
    },
}
STS = operation(
    fields(
        s3_host={"type": "string"},
        resource_bucket={"type": "string"},
        resource_uri={"type": "string"},
        session_token={"type": "string"},
        sts_ak={"type": "string"},
        sts_sk={"type": "string"},
    ),
    *(400, 429),
    body=content(fields(format={"type": "string", "enum": list(FORMATS)})),
)
MODELS = operation(MODEL_LIST)
BALANCE = operation(fields(balance={"type": "integer"}, frozen={"type": "integer"}))
