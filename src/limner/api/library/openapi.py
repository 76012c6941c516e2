"""OpenAPI descriptions of the calls of the library."""

from typing import Any

from limner.api.http.openapi_schema import fields, ref
from limner.api.library.face import ApiFace
from limner.api.library.query import TaskListQuery

_CURSOR = {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "`after` of the next page, or null."}


def listing(face: ApiFace) -> dict[str, Any]:
    data = fields(tasks={"type": "array", "items": ref(face.task_schema)}, next=_CURSOR)
    properties = TaskListQuery.model_json_schema()["properties"]
    parameters = [
        {"name": name, "in": "query", "required": False, "schema": schema} for name, schema in properties.items()
    ]
    return face.described(data, 400, 403) | {"parameters": parameters}
