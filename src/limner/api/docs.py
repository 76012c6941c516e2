"""`/openapi.json` and `/docs`, its HTML rendering, which loads nothing from other hosts."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.html_page import html_page, html_response
from limner.api.http.operation import Operation, document


def pages(operations: Sequence[Operation], schemas: Mapping[str, Any]) -> list[Operation]:
    described = document(operations, schemas)
    as_json = orjson.dumps(described)
    as_page = html_page("Limner API", _page(described))

    async def openapi(_request: Request) -> Response:
        return Response(as_json, media_type="application/json")

    async def docs(_request: Request) -> Response:
        return html_response(as_page)

    return [
        Operation("GET", "/openapi.json", openapi, "documents", "This API as an OpenAPI document"),
        Operation("GET", "/docs", docs, "documents", "This API as an HTML page"),
    ]


def _page(described: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h1>Limner API</h1><p>{escape(described['info']['summary'])} Version {described['info']['version']}. "
    yield "Machine-readable: <a href=openapi.json>openapi.json</a>.</p>"
    yield "<p>Every call carries <code>Authorization: Bearer tsk_…</code>; every answer carries "
    yield "<code>X-Tripo-Trace-ID</code>.</p>"
    for tag in dict.fromkeys(op["tags"][0] for ops in described["paths"].values() for op in ops.values()):
        yield f"<h2>{escape(tag)}</h2>"
        for path, methods in described["paths"].items():
            for method, operation in methods.items():
                if operation["tags"][0] == tag:
                    yield from _operation(method, path, operation)
    yield "<h2>Shapes</h2>"
    for name, schema in described["components"]["schemas"].items():
        yield f"<details id={escape(name)}><summary><code>{escape(name)}</code></summary>{_json(schema)}</details>"


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<details><summary><b>{method.upper()}</b><code>{escape(path)}</code>"
    yield f"<span>{escape(operation['summary'])}</span></summary>"
    yield _json({name: part for name, part in operation.items() if name not in {"tags", "summary"}})
    yield "</details>"


def _json(value: Any) -> str:
    return f"<pre>{escape(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())}</pre>"
