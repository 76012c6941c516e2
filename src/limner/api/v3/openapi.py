"""OpenAPI descriptions of the v3 routes."""

from typing import Any

from limner.api.http.openapi_schema import IDEMPOTENCY_KEY, content, fields, ref, schemas_of
from limner.api.http.prefer_wait import PREFER
from limner.api.signed_link import UPLOAD_SIGNATURE
from limner.api.tripo.model_list import MODEL_LIST
from limner.api.tripo.task_fields import IGNORED, PARTIAL_IMAGES
from limner.api.v3.errors import ERRORS
from limner.api.v3.page import PageQuery
from limner.api.v3.wire import (
    CredentialsRequest,
    EditedViews,
    ImageFromImage,
    ImageFromText,
    PictureFormat,
    ViewsOfImage,
)

_UUID = {"type": "string", "format": "uuid"}
_LINK = {"type": "string", "format": "uri"}
_MOMENT = {"type": "string", "format": "date-time"}
_STATUS = {"type": "string", "enum": ["queued", "running", "success", "failed", "cancelled"]}
_USAGE: dict[str, Any] = {
    "task_id": _UUID,
    "type": {"type": "string"},
    "status": _STATUS,
    "created_at": _MOMENT,
    "credits_consumed": {"type": "number"},
}

SCHEMAS: dict[str, Any] = {
    "V3Error": fields(
        code={"type": "integer", "enum": sorted(ERRORS)},
        status={"const": "error"},
        message={"type": "string"},
        suggestion={"type": "string"},
        request_id=_UUID,
    ),
    "V3Task": {
        "type": "object",
        "required": [*_USAGE, "input", "output", "progress"],
        "properties": {
            **_USAGE,
            "input": {"type": "object", "description": "The request as it was understood."},
            "output": {
                "type": "object",
                "properties": {
                    "generated_image_url": _LINK,
                    "generated_image_urls": {"type": "array", "items": _LINK},
                    "generate_multiview_image": {"type": "object"},
                },
                "description": "Empty until success.",
            },
            "progress": {"type": "integer", "minimum": 0, "maximum": 100},
            "completed_at": _MOMENT,
            "error_code": {"type": "integer"},
            "error_message": {"type": "string"},
            "served_by": {"type": "object", "description": "What really made the picture."},
            "thumbnail_url": {"type": "string", "format": "uri", "description": "A small copy; in lists and lineages."},
            "ignored": IGNORED,
            "partial_images": PARTIAL_IMAGES,
            "kept": {"const": True, "description": "Retention leaves its pictures alone. Absent otherwise."},
            "erase_at": {**_MOMENT, "description": "When it will be erased, unless that is undone."},
            "output_removed_at": {"type": "string", "description": "When its picture was removed."},
        },
    },
    "Usage": fields(**_USAGE),
    **schemas_of(ImageFromText, ImageFromImage, ViewsOfImage, EditedViews, PictureFormat, CredentialsRequest),
}


def _operation(data: dict[str, Any], *errors: int, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = content(fields(code={"const": 0}, status={"const": "success"}, data=data))
    refused = {str(code): {"description": f"Refused, HTTP {code}", **content(ref("V3Error"))} for code in errors}
    described = {"responses": {"200": {"description": "Success", **answer}, **refused}}
    return described | ({"requestBody": {"required": True, **body}} if body else {})


def keyed(data: dict[str, Any], *errors: int, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The description of a call with a key that answers `data`."""
    return {"security": [{"key": []}], **_operation(data, 401, 403, *errors, body=body)}


def _creating(model: str) -> dict[str, Any]:
    created = {"anyOf": [fields(task_id=_UUID, type={"type": "string"}, status=_STATUS), ref("V3Task")]}
    return keyed(created, 400, 404, 422, 429, body=content(ref(model))) | {"parameters": [IDEMPOTENCY_KEY, PREFER]}


def _quoting(model: str) -> dict[str, Any]:
    return keyed(ref("Quote"), 400, body=content(ref(model)))


def _query(name: str) -> dict[str, Any]:
    schema = PageQuery.model_json_schema()["properties"][name]
    return {"name": name, "in": "query", "required": False, "schema": schema}


_TOKEN = {"type": "string", "pattern": "^file_[0-9a-f-]{36}$"}
_PICTURE = {"type": "string", "contentMediaType": "image/*"}

TEXT_TO_IMAGE = _creating("ImageFromText")
IMAGE_TO_IMAGE = _creating("ImageFromImage")
VIEWS = _creating("ViewsOfImage")
EDITED_VIEWS = _creating("EditedViews")
QUOTED_TEXT_TO_IMAGE = _quoting("ImageFromText")
QUOTED_IMAGE_TO_IMAGE = _quoting("ImageFromImage")
QUOTED_VIEWS = _quoting("ViewsOfImage")
QUOTED_EDITED_VIEWS = _quoting("EditedViews")
READ = keyed(ref("V3Task"), 404)
LIST = keyed(
    fields(tasks={"type": "object", "additionalProperties": ref("V3Task")}, missed={"type": "array"}),
    400,
    body=content(fields(task_ids={"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100})),
)
UPLOAD = keyed(fields(file_token=_TOKEN), 400, 429, body=content(fields(file=_PICTURE), "multipart/form-data"))
PRESIGN = keyed(
    fields(presigned_url=_LINK, upload_url=_LINK, file_token=_TOKEN, expires_in={"const": 1800}),
    *(400, 429),
    body=content(ref("PictureFormat")),
)
CREDENTIALS = keyed(
    fields(
        file_token=_TOKEN,
        upload_url=_LINK,
        expires_at=_MOMENT,
        **{name: {"type": "string"} for name in ("s3_host", "resource_bucket", "resource_uri")},
        **{name: {"type": "string"} for name in ("session_token", "sts_ak", "sts_sk")},
    ),
    *(400, 429),
)
CREDENTIALS["requestBody"] = {"required": False, **content(ref("CredentialsRequest"))}
TAKE = _operation(fields(file_token=_TOKEN), 400, 403, 429, body=content(_PICTURE, "image/*"))
TAKE["parameters"] = UPLOAD_SIGNATURE
MODELS = keyed(MODEL_LIST)
BALANCE = keyed(fields(balance={"type": "number"}, frozen={"type": "number"}))
USAGE = keyed({"type": "array", "items": ref("Usage")}, 400) | {"parameters": [_query("limit"), _query("offset")]}
