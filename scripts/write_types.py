"""Write clients/typescript: the types of the API for TypeScript, from its OpenAPI and AsyncAPI documents."""

import asyncio
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from limner.agents.in_process import InProcessTransport
from limner.asgi import create
from limner.settings import Settings

FOLDER = Path(__file__).parents[1] / "clients/typescript"
FILE = FOLDER / "limner.d.ts"
HEAD = """// Types of Limner's API, written by scripts/write_types.py from its OpenAPI and AsyncAPI documents: `make docs`.
// `Calls["POST /v2/openapi/task"]["body"]` is what a call takes, `["answer"]` what a success brings.
"""
_BARE = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
Schema = Mapping[str, Any]


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    FILE.write_text(types(*documents()))


def documents() -> tuple[Schema, Schema]:
    """OpenAPI's document and AsyncAPI's, as a server answers them."""
    return asyncio.run(_documents())


async def _documents() -> tuple[Schema, Schema]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder) / "data", engine="sandbox", log_level="error", a1111=True)
        scope = {"type": "http", "headers": [], "scheme": "http", "server": ("limner", 80), "client": ("127.0.0.1", 1)}
        transport = InProcessTransport(await asyncio.to_thread(create, settings, with_worker=False), scope)
        answers = [await transport.send("GET", path, {}, None) for path in ("/openapi.json", "/asyncapi.json")]
        openapi, asyncapi = (json.loads(answer.body) for answer in answers)
        return openapi, asyncapi


def types(openapi: Schema, asyncapi: Schema) -> str:
    schemas = {**openapi["components"]["schemas"], **asyncapi["components"]["schemas"]}
    named = [_named(name, schema) for name, schema in schemas.items()]
    calls = [line for path, operations in openapi["paths"].items() for line in _calls(path, operations)]
    return "\n".join([HEAD, *named, "export interface Calls {", *calls, "}", ""])


def _named(name: str, schema: Schema) -> str:
    return f"{_comment(schema, '')}export type {name} = {_type(schema, '')};\n"


def _calls(path: str, operations: Schema) -> Iterator[str]:
    for method, operation in operations.items():
        body = _content(operation.get("requestBody", {}))
        answer = _content(operation["responses"].get("200", {}))
        yield f"  /** {operation['summary']} */"
        yield f"  {json.dumps(f'{method.upper()} {path}')}: {{ body: {body}; answer: {answer} }};"


def _content(described: Schema) -> str:
    """The type of JSON; what is no JSON is a Blob, and what is not described is nothing."""
    content = described.get("content", {})
    if "application/json" in content:
        return _type(content["application/json"].get("schema", {}), "  ")
    return "Blob" if content else "never"


def _type(schema: Schema, indent: str) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if values := schema.get("enum") or ([schema["const"]] if "const" in schema else None):
        return " | ".join(map(json.dumps, values))
    for several, sign in (("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")):
        if several in schema:
            return f"({sign.join(dict.fromkeys(_type(each, indent) for each in schema[several]))})"
    return _of_kind(schema, indent)


def _of_kind(schema: Schema, indent: str) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "")
    if isinstance(kind, list):
        return f"({' | '.join(_type({**schema, 'type': each}, indent) for each in kind)})"
    if kind == "array":
        return f"Array<{_type(schema.get('items', {}), indent)}>"
    return _object(schema, indent) if kind == "object" else _BARE.get(kind, "unknown")


def _object(schema: Schema, indent: str) -> str:
    properties, required = schema.get("properties", {}), schema.get("required", ())
    if not properties:
        more = schema.get("additionalProperties")
        return f"Record<string, {_type(more, indent) if isinstance(more, dict) else 'unknown'}>"
    deeper = f"{indent}  "
    lines = [
        f"{_comment(each, deeper)}{deeper}{_key(name)}{'' if name in required else '?'}: {_type(each, deeper)};"
        for name, each in properties.items()
    ]
    return "\n".join(["{", *lines, f"{indent}}}"])


def _key(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name)


def _comment(schema: Schema, indent: str) -> str:
    text = str(schema.get("description", "")).replace("\n", " ").replace("*/", "")
    return f"{indent}/** {text} */\n" if text else ""


if __name__ == "__main__":
    main()
