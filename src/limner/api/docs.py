"""`/openapi.json`. The page of it, `/docs`, is one of the web pages beside the API."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.operation import Operation


def operations(described: Mapping[str, Any]) -> list[Operation]:
    """The document itself; `described` is that of all other operations."""
    as_json = orjson.dumps(described)

    async def openapi(_request: Request) -> Response:
        return Response(as_json, media_type="application/json")

    return [Operation("GET", "/openapi.json", openapi, "documents", "This API as an OpenAPI document")]
