"""`POST /v1/detect`: was a picture made here, what does it say of its making, is its signature good. For every key.

It tells nothing of tenants: a task is named to its own account alone.
"""

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.authentication import caller
from limner.api.http.bodies.file_body import received_file
from limner.api.http.bodies.success import success
from limner.api.http.openapi_schema import content, fields, ref
from limner.api.http.operation import Operation
from limner.api.service_container import Services
from limner.application.provenance.detect import SHOWN, Detected
from limner.ports.provenance import ManifestState

_TEXT = {"type": ["string", "null"]}
_TEXTS = {"type": "array", "items": {"type": "string"}}
_DATA = fields(
    ours={"type": "boolean", "description": "Made here: the same bytes, or the same but for our marks."},
    tasks={**_TEXTS, "description": f"The caller's own tasks that the picture is of, the {SHOWN} newest."},
    looks_like_ours={
        "type": "boolean",
        "description": "Not the same bytes, and looks like a picture made here: scaled, saved anew, without marks.",
    },
    tasks_alike={**_TEXTS, "description": "The caller's own tasks whose picture it looks like."},
    says=fields(source=_TEXT, tool=_TEXT),
    manifest=fields(
        state={"type": "string", "enum": [*ManifestState, "not_checked"]},
        signed_here={"type": "boolean"},
        signer=_TEXT,
        generator=_TEXT,
        source=_TEXT,
        problems=_TEXTS,
    ),
)
_DESCRIBED: dict[str, Any] = {
    "security": [{"key": []}],
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": fields(file={"type": "string", "format": "binary"})}},
    },
    "responses": {
        "200": {"description": "Success", **content(fields(code={"const": 0}, data=_DATA))},
        **{
            str(code): {"description": f"Refused, HTTP {code}", **content(ref("Error"))}
            for code in (400, 401, 403, 413, 429)
        },
    },
}


def operations(services: Services) -> list[Operation]:
    async def detect(request: Request) -> Response:
        account = caller(request).account
        async with received_file(request, services.scratch) as file:
            found = await services.detect(file, account)
        return success(_body(found))

    summary = "Tell whether a picture was made here, and what its marks say"
    return [Operation("POST", "/v1/detect", detect, "files", summary, _DESCRIBED, "read", services.detect_rate)]


def _body(found: Detected) -> dict[str, Any]:
    report = found.manifest
    facts = asdict(report) if report else {}
    told = {name: facts.get(name) for name in ("signer", "generator", "source")}
    return {
        "ours": found.made_here,
        "tasks": found.tasks,
        "looks_like_ours": found.alike,
        "tasks_alike": found.tasks_alike,
        "says": {"source": found.marks.source, "tool": found.marks.tool},
        "manifest": {
            "state": report.state if report else "not_checked",
            "signed_here": bool(report and report.ours),
            **told,
            "problems": list(report.problems) if report else [],
        },
    }
