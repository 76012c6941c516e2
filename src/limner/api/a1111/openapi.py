"""Descriptions of AUTOMATIC1111's calls for our own OpenAPI document."""

from typing import Any

from limner.api.a1111.wire import DrawBody, EditBody

_JSON: dict[str, Any] = {"application/json": {}}
_ERRORS = {"default": {"description": "An error: `{error, detail, body, errors}`", "content": _JSON}}


def _answers(description: str) -> dict[str, Any]:
    return {"responses": {"200": {"description": description, "content": _JSON}, **_ERRORS}}


def _takes(fields: dict[str, Any], description: str) -> dict[str, Any]:
    body = {"required": True, "content": {"application/json": {"schema": fields}}}
    return {"requestBody": body, **_answers(description)}


def _schema(model: type[DrawBody]) -> dict[str, Any]:
    """The schema with its one nested model in place."""
    schema = model.model_json_schema()
    schema["properties"]["override_settings"] = schema.pop("$defs")["OverrideSettings"]
    return schema


_MADE = "The pictures in base64, and JSON in a text about them"

LIST = _answers("What can be chosen")
OPTIONS = _answers("The options that have a meaning here")
SET_OPTIONS = _takes({"type": "object"}, "null")
PROGRESS = _answers("How far the key's oldest unfinished task is")
INTERRUPT = _answers("An empty object")
TXT2IMG = _takes(_schema(DrawBody), _MADE)
IMG2IMG = _takes(_schema(EditBody), _MADE)
