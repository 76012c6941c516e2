"""OpenAPI descriptions of the template routes."""

from typing import Any

from limner.api.http.openapi_schema import content, fields, ref, schemas_of
from limner.api.templates.wire import EarlierVersion, NewTemplate

_TEXT = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}
_TEMPLATE: dict[str, Any] = {
    "template": _TEXT,
    "version": {"type": "string", "pattern": "^[0-9a-f]{12}$", "description": "A digest of its folder."},
    "origin": {"type": "string", "enum": ["built_in", "shared", "own"]},
    "title": _TEXT,
    "summary": _TEXT,
    "aspect_ratio": _MAYBE,
    "best_with": {"type": "array", "items": _TEXT},
    "needs_image": {"type": "boolean"},
    "pictures": {"type": "array", "items": fields(file=_TEXT, role=_TEXT)},
    "before": _MAYBE,
    "after": _MAYBE,
}

SCHEMAS: dict[str, Any] = {
    "Template": {
        "type": "object",
        "required": list(_TEMPLATE),
        "properties": {**_TEMPLATE, "create_time": {"type": "integer"}, "text": _TEXT},
    },
    **schemas_of(NewTemplate, EarlierVersion),
}


def _operation(data: dict[str, Any], *errors: int) -> dict[str, Any]:
    success = {"description": "Success", **content(fields(code={"const": 0}, data=data))}
    refused = {
        str(code): {"description": f"Refused, HTTP {code}", **content(ref("Error"))} for code in (401, 403, *errors)
    }
    return {"security": [{"key": []}], "responses": {"200": success, **refused}}


def _file(kind: str) -> dict[str, Any]:
    described = _operation({}, 404)
    described["responses"]["200"] = {"description": "The file", "content": {kind: {}}}
    return described


LIST = _operation(fields(templates={"type": "array", "items": ref("Template")}))
READ = _operation(ref("Template"), 404)
VERSIONS = _operation(fields(versions={"type": "array", "items": ref("Template")}))
ADD = _operation(ref("Template"), 400)
ADD["requestBody"] = {
    "required": True,
    "content": {
        "application/json": {"schema": ref("NewTemplate")},
        "application/zip": {"schema": {"type": "string", "contentMediaType": "application/zip"}},
    },
}
BRING_BACK = _operation(ref("Template"), 400, 404)
BRING_BACK["requestBody"] = {"required": True, **content(ref("EarlierVersion"))}
REMOVE = _operation({"type": "object"}, 404)
EXPORT = _file("application/zip")
FILE = _file("image/*")
