"""The OpenAPI document as a page shows it: groups of calls, their fields, examples and answers."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

TITLES = {
    "v2": "Tasks, version 2",
    "v3": "Tasks, version 3",
    "openai": "OpenAI’s Images API",
    "templates": "Templates",
    "webhooks": "Webhooks",
    "files": "Files",
    "routes": "State of the routes",
    "operators": "For operators",
    "health": "Health",
    "operations": "Metrics",
}
SAMPLES = {"prompt": "a lighthouse on a cliff at night", "url": "https://example.org/picture.png", "n": 1}
JSON_TYPE = "application/json"
MOST_DEPTH = 3
"""Levels of objects in one table of fields, and in an example."""

_METHOD_ORDER = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of a body, a query, a path or a header; `level` is its depth, `values` are all that it may be."""

    name: str
    kind: str
    required: bool
    about: str
    values: Sequence[str] = ()
    level: int = 0


@dataclass(frozen=True, slots=True)
class BodyShape:
    """One of the bodies that a call takes."""

    title: str
    about: str
    fields: Sequence[FieldRow]
    example: str


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One method on one path. `sends_json` is whether it can be tried out in the page."""

    id: str
    method: str
    path: str
    summary: str
    about: str
    public: bool
    parameters: Sequence[FieldRow]
    bodies: Sequence[BodyShape]
    answers: Sequence[tuple[str, str]]
    answer_fields: Sequence[FieldRow]
    sends_json: bool

    @property
    def example(self) -> str:
        """The example of the first body; empty for a call without one."""
        return self.bodies[0].example if self.bodies else ""

    @property
    def curl(self) -> str:
        key = "" if self.public else ' -H "Authorization: Bearer $KEY"'
        method = "" if self.method == "GET" or self.example else f" -X {self.method}"
        body = f" -H 'Content-Type: application/json' \\\n  -d '{self.example}'" if self.example else ""
        return f'curl{method} "$URL{self.path}"{key}{body}'


@dataclass(frozen=True, slots=True)
class CallGroup:
    """The calls of one part of the API."""

    tag: str
    title: str
    calls: Sequence[ApiCall]


def outline(document: Schema) -> Sequence[CallGroup]:
    """The groups of an OpenAPI document, in the order of `TITLES`."""
    reader = _Reader(document["components"]["schemas"])
    calls: dict[str, list[ApiCall]] = {}
    for path, methods in document["paths"].items():
        for method in sorted(methods, key=_METHOD_ORDER.index):
            described = methods[method]
            calls.setdefault(described["tags"][0], []).append(reader.call(method, path, described))
    order = [*(tag for tag in TITLES if tag in calls), *(tag for tag in calls if tag not in TITLES)]
    return [CallGroup(tag, TITLES.get(tag, tag), calls[tag]) for tag in order]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads calls and schemas; references lead into `schemas`."""

    schemas: Mapping[str, Schema]

    def call(self, method: str, path: str, described: Schema) -> ApiCall:
        content = described.get("requestBody", {}).get("content", {})
        answer = _answer_schema(described)
        return ApiCall(
            id=f"{method}{re.sub(r'[^a-z0-9]+', '-', path.lower()).rstrip('-')}",
            method=method.upper(),
            path=path,
            summary=described["summary"],
            about=described.get("description", ""),
            public=not described.get("security"),
            parameters=[self._parameter(each) for each in described.get("parameters", [])],
            bodies=self._bodies(content[JSON_TYPE]["schema"]) if JSON_TYPE in content else (),
            answers=[(status, each.get("description", "")) for status, each in described["responses"].items()],
            answer_fields=list(self._fields(answer, 0)) if answer else (),
            sends_json=not content or JSON_TYPE in content,
        )

    def _parameter(self, parameter: Schema) -> FieldRow:
        schema = parameter.get("schema", {})
        about = parameter.get("description") or schema.get("description", "")
        kind = f"{parameter['in']}, {self._kind(schema)}"
        return FieldRow(parameter["name"], kind, bool(parameter.get("required")), about, self._values(schema))

    def _bodies(self, schema: Schema) -> Sequence[BodyShape]:
        return [self._body(each) for each in self._alternatives(schema)]

    def _body(self, schema: Schema) -> BodyShape:
        title = str(schema.get("$ref", "")).rpartition("/")[2] or schema.get("title", "")
        found = self._resolved(schema)
        example = json.dumps(self._sample(schema, "", 0), ensure_ascii=False, indent=2)
        return BodyShape(title, found.get("description", ""), list(self._fields(found, 0)), example)

    # --- schemas ----------------------------------------------------------------------------------------------------

    def _resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        return schema

    def _alternatives(self, schema: Schema) -> Sequence[Schema]:
        """The schemas of a union without null; the schema itself where it is none."""
        found = self._resolved(schema)
        union = found.get("anyOf") or found.get("oneOf")
        return [each for each in union if each.get("type") != "null"] if union else [schema]

    def _fields(self, schema: Schema, level: int) -> Iterator[FieldRow]:
        found = self._resolved(schema)
        required = set(found.get("required", ()))
        for name, each in sorted(found.get("properties", {}).items(), key=lambda item: item[0] not in required):
            about = each.get("description") or self._resolved(each).get("description", "")
            yield FieldRow(name, self._kind(each), name in required, about, self._values(each), level)
            if level + 1 < MOST_DEPTH and (inner := self._object_in(each)):
                yield from self._fields(inner, level + 1)

    def _object_in(self, schema: Schema) -> Schema | None:
        """The object of a field, or of the items of a list, if it has fields."""
        for each in self._alternatives(schema):
            found = self._resolved(each)
            found = self._resolved(found["items"]) if found.get("type") == "array" and "items" in found else found
            if found.get("properties"):
                return found
        return None

    def _kind(self, schema: Schema) -> str:
        return " or ".join(dict.fromkeys(self._one_kind(each) for each in self._alternatives(schema)))

    def _one_kind(self, schema: Schema) -> str:
        found = self._resolved(schema)
        if found.get("anyOf") or found.get("oneOf"):
            return self._kind(found)
        kind = found.get("type", "any" if "const" not in found else "string")
        if kind == "array":
            return f"list of {self._kind(found.get('items', {}))}"
        return kind if isinstance(kind, str) else " or ".join(each for each in kind if each != "null")

    def _values(self, schema: Schema) -> Sequence[str]:
        found = [self._resolved(each) for each in self._alternatives(schema)]
        named = [value for each in found for value in each.get("enum", [each["const"]] if "const" in each else [])]
        return [str(value) for value in named]

    def _sample(self, schema: Schema, name: str, level: int) -> Any:
        """A value of the schema: its own example, else required fields and those that are known samples."""
        found = self._resolved(self._alternatives(schema)[0])
        named = [*(found[each] for each in ("example", "const") if each in found), *_listed(found)]
        if named:
            return named[0]
        if found.get("type") == "object":
            return self._sample_object(found, level)
        if found.get("type") == "array":
            return [self._sample(found.get("items", {}), name, level)]
        plain = {"integer": found.get("minimum", 1), "number": found.get("minimum", 1), "boolean": True}
        return SAMPLES.get(name, plain.get(str(found.get("type")), "…"))

    def _sample_object(self, schema: Schema, level: int) -> dict[str, Any]:
        required = schema.get("required", ())
        wanted = [each for each in schema.get("properties", {}) if each in required or (each == "prompt" and not level)]
        if level >= MOST_DEPTH:
            return {}
        return {each: self._sample(schema["properties"][each], each, level + 1) for each in wanted}


def _listed(schema: Schema) -> Sequence[Any]:
    """Values that the schema names."""
    return [*schema.get("examples", ()), *schema.get("enum", ())]


def _answer_schema(described: Schema) -> Schema | None:
    """The schema of what a success brings."""
    for status, answer in described["responses"].items():
        content = answer.get("content", {})
        if status.startswith("2") and JSON_TYPE in content:
            found: Schema = content[JSON_TYPE].get("schema", {})
            return found
    return None
