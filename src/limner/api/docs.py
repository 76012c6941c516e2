"""`/openapi.json` and `/docs`, its HTML rendering, which loads nothing from other hosts."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from limner.api.http.operation import Operation, document

_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 3rem auto; padding: 0 1.25rem; }
h1 { font-size: 2rem; margin: 0 0 .25rem; } h2 { margin: 2.5rem 0 .5rem; text-transform: capitalize; }
details { border-top: 1px solid var(--line); padding: .7rem 0; } summary { cursor: pointer; }
code, pre { font: 13.5px/1.5 ui-monospace, monospace; } pre { overflow: auto; padding: .9rem; border-radius: .5rem;
  background: color-mix(in srgb, currentColor 7%, transparent); }
b { display: inline-block; min-width: 3.6rem; font: 600 12.5px ui-monospace, monospace; color: #c2410c; }
summary span { opacity: .7; margin-left: .6rem; }
"""


def pages(operations: Sequence[Operation], schemas: Mapping[str, Any]) -> list[Operation]:
    described = document(operations, schemas)
    as_json = orjson.dumps(described)
    as_page = "".join(_page(described))

    async def openapi(_request: Request) -> Response:
        return Response(as_json, media_type="application/json")

    async def docs(_request: Request) -> Response:
        return HTMLResponse(as_page, headers={"Content-Security-Policy": _CSP})

    return [
        Operation("GET", "/openapi.json", openapi, "documents", "This API as an OpenAPI document"),
        Operation("GET", "/docs", docs, "documents", "This API as an HTML page"),
    ]


def _page(described: Mapping[str, Any]) -> Iterator[str]:
    yield f"<!doctype html><html lang=en><meta charset=utf-8><title>Limner API</title><style>{_STYLE}</style>"
    yield f"<h1>Limner API</h1><p>{escape(described['info']['summary'])} Version {described['info']['version']}. "
    yield "Machine-readable: <a href=/openapi.json>openapi.json</a>.</p>"
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
