"""Helpers for the OpenAPI descriptions of the routes."""

from typing import Any

from pydantic import BaseModel

IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "description": "A repeat with the same key and body gets the first answer.",
}


def schemas_of(*models: type[BaseModel]) -> dict[str, Any]:
    """JSON schemas of the models and their nested models, by name."""
    found: dict[str, Any] = {}
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    return found


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def content(schema: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    return {"content": {kind: {"schema": schema}}}


def fields(**properties: dict[str, Any]) -> dict[str, Any]:
    """An object with these properties, all of them required."""
    return {"type": "object", "required": list(properties), "properties": properties}
