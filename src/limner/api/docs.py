"""`/openapi.json` and `/asyncapi.json`. The page of the first, `/docs`, is one of the web pages beside the API."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from limner.api.asyncapi import asyncapi_document
from limner.api.http.operation import Operation


def operations(described: Mapping[str, Any]) -> list[Operation]:
    """The documents; `described` is OpenAPI's of all other operations."""
    return [
        _document("/openapi.json", described, "This API as an OpenAPI document"),
        _document("/asyncapi.json", asyncapi_document(described), "Watches and webhooks as an AsyncAPI document"),
    ]


def _document(path: str, content: Mapping[str, Any], summary: str) -> Operation:
    as_json = orjson.dumps(content)

    async def document(_request: Request) -> Response:
        return Response(as_json, media_type="application/json")

    return Operation("GET", path, document, "documents", summary)
