"""OpenAPI descriptions of the calls of the library."""

from typing import Any

from limner.api.http.openapi_schema import content, fields, ref, schemas_of
from limner.api.library.bodies import ErasureRequest, TaskSelection
from limner.api.library.face import ApiFace
from limner.api.library.query import TaskListQuery

SCHEMAS: dict[str, Any] = schemas_of(TaskSelection, ErasureRequest)

_CURSOR = {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "`after` of the next page, or null."}
_ID = {"type": "string", "format": "uuid"}
_IDS = {"type": "array", "items": {"type": "string"}}


def listing(face: ApiFace) -> dict[str, Any]:
    data = fields(tasks={"type": "array", "items": ref(face.task_schema)}, next=_CURSOR)
    properties = TaskListQuery.model_json_schema()["properties"]
    parameters = [
        {"name": name, "in": "query", "required": False, "schema": schema} for name, schema in properties.items()
    ]
    return face.described(data, 400, 403) | {"parameters": parameters}


def keeping(face: ApiFace) -> dict[str, Any]:
    return face.described(ref(face.task_schema), 400, 403, 404)


def erasing(face: ApiFace) -> dict[str, Any]:
    derived = {"type": "object", "additionalProperties": _IDS, "description": "Tasks made from those that are erased."}
    moment = {"type": ["integer", "string"], "description": "When they are erased."}
    data = fields(
        **{f"erase{face.moment_suffix}": moment}, erasing=_IDS, kept=_IDS, unfinished=_IDS, missed=_IDS, derived=derived
    )
    return face.described(data, 400, 403, body=content(ref("ErasureRequest")))


def undoing(face: ApiFace) -> dict[str, Any]:
    return face.described(fields(restored=_IDS, missed=_IDS), 400, 403, body=content(ref("TaskSelection")))


def lineage(face: ApiFace) -> dict[str, Any]:
    edge = fields(task_id=_ID, field={"type": "string"}, parent_id=_ID)
    tasks = {"type": "object", "additionalProperties": ref(face.task_schema)}
    data = fields(task_id=_ID, tasks=tasks, edges={"type": "array", "items": edge}, complete={"type": "boolean"})
    return face.described(data, 403, 404)


def original(face: ApiFace) -> dict[str, Any]:
    name = {"name": "name", "in": "query", "schema": {"type": "string"}, "description": "By default the first."}
    described = face.described({}, 403, 404)
    described["responses"]["200"] = {"description": "The picture", "content": {"image/*": {}}}
    described["responses"]["206"] = {"description": "A part of it"}
    return described | {"parameters": [name]}


_ZIP = {"description": "The archive", "content": {"application/zip": {}}}


def zip_named(face: ApiFace) -> dict[str, Any]:
    ids = {"name": "task_ids", "in": "query", "required": True, "schema": {"type": "string"}}
    described = face.described({}, 400, 403, 404)
    described["responses"]["200"] = _ZIP
    return described | {"parameters": [{**ids, "description": "Ids with commas between."}]}


def zip_posted(face: ApiFace) -> dict[str, Any]:
    described = face.described({}, 400, 403, 404, body=content(ref("TaskSelection")))
    described["responses"]["200"] = _ZIP
    return described


def explaining(face: ApiFace) -> dict[str, Any]:
    text, items = {"type": "string"}, {"type": "array", "items": {"type": "object"}}
    part = fields(source=text, text=text)
    prompt = fields(
        part=text,
        text=text,
        parts={"type": "array", "items": part},
        aspect_ratio={"type": ["string", "null"]},
        notes=_IDS,
    )
    data = fields(
        task_id=_ID,
        status=text,
        model=text,
        price={"type": "integer"},
        consumed_credit={"type": "integer"},
        prompts={"type": "array", "items": prompt},
        ignored={"type": "array", "items": fields(field=text, reason=text)},
        references=items,
        times={"type": "object"},
        attempts=items,
        credits=items,
        served_by={"type": ["object", "null"]},
        erased={"type": ["object", "null"]},
    )
    return face.described(data, 403, 404)
