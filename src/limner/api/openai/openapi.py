"""Descriptions of OpenAI's calls for our own OpenAPI document."""

from typing import Any

from limner.api.openai.wire import ImagesBody

NAMES_OF_APPS = ("gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "gpt-image-2", "dall-e-2", "dall-e-3")
"""Names that apps ship with and look for in the list; they mean the default model where none has that name."""

MODELS_SINCE = 1_764_460_800

_ERROR = {"description": "An error: `{error: {message, type, param, code}}`", "content": {"application/json": {}}}
_ERRORS = {"default": _ERROR}
_SECURITY: list[dict[str, list[str]]] = [{"key": []}]
_FIELDS = ImagesBody.model_json_schema(ref_template="#/components/schemas/{model}")

_MADE: dict[str, Any] = {
    "description": "The pictures, in base64 or as links; with `stream`, server-sent events",
    "content": {"application/json": {}, "text/event-stream": {}},
    "headers": {
        name: {"description": text, "schema": {"type": "string"}}
        for name, text in (
            ("x-limner-task-id", "The task behind it"),
            ("x-limner-model", "The model that ran"),
            ("x-limner-size", "The shape and size class that were asked of it"),
            ("x-limner-ignored", "Fields of the request without effect"),
        )
    },
}
_RESPONSES = {
    "200": _MADE,
    "202": {"description": "With `async`: the task", "content": {"application/json": {}}},
    **_ERRORS,
}

GENERATE: dict[str, Any] = {
    "security": _SECURITY,
    "requestBody": {"required": True, "content": {"application/json": {"schema": _FIELDS}}},
    "responses": _RESPONSES,
}
EDIT: dict[str, Any] = {
    "security": _SECURITY,
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": {"type": "object", "required": ["image", "prompt"]}},
            "application/json": {"schema": {"type": "object", "required": ["prompt"]}},
        },
    },
    "responses": _RESPONSES,
}
TASK: dict[str, Any] = {
    "security": _SECURITY,
    "responses": {"200": {"description": "The task", "content": {"application/json": {}}}, **_ERRORS},
}
MODELS: dict[str, Any] = {
    "security": _SECURITY,
    "responses": {"200": {"description": "As OpenAI lists them", "content": {"application/json": {}}}, **_ERRORS},
}
