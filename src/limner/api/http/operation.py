"""A route together with its OpenAPI description."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from limner import __version__
from limner.api.http.authentication import Authentication, authorization_of
from limner.api.http.rate_limits import RequestRate

Endpoint = Callable[[Request], Awaitable[Response]]

_PARAMETER = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path. `described` is its OpenAPI operation object, less summary, tag and path parameters.

    `scope` is the scope a key needs; None makes the operation public. `rate` limits calls of the key's account.
    `authorization` finds the credentials of a request.
    """

    method: str
    path: str
    endpoint: Endpoint
    tag: str
    summary: str
    described: Mapping[str, Any] = field(default_factory=dict)
    scope: str | None = None
    rate: RequestRate | None = None
    authorization: Callable[[Request], str | None] = authorization_of

    def route(self, authentication: Authentication) -> Route:
        return Route(self.path, self._guarded_endpoint(authentication), methods=[self.method])

    def _guarded_endpoint(self, authentication: Authentication) -> Endpoint:
        if (scope := self.scope) is None:
            return self.endpoint

        async def guarded(request: Request) -> Response:
            await authentication.authorize(request, scope, self.rate, self.authorization(request))
            return await self.endpoint(request)

        return guarded

    def document(self) -> dict[str, Any]:
        in_path = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _PARAMETER.findall(self.path)
        ]
        described = dict(self.described)
        parameters = in_path + list(described.pop("parameters", []))
        head: dict[str, Any] = {"tags": [self.tag], "summary": self.summary}
        return head | ({"parameters": parameters} if parameters else {}) | described


def document(operations: Iterable[Operation], schemas: Mapping[str, Any]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these operations."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = operation.document()
    return {
        "openapi": "3.1.0",
        "info": {"title": "Limner", "version": __version__, "summary": "One durable task API over many image models."},
        "paths": paths,
        "components": {
            "schemas": dict(schemas),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "tsk_…"}},
        },
    }


OperationRow = Callable[[str, str, Endpoint, str, Mapping[str, Any]], Operation]
"""Makes an operation from method, path, endpoint, summary and description."""


@dataclass(frozen=True, slots=True)
class OperationTable:
    """The operations of one API, whose paths begin with `prefix`."""

    tag: str
    prefix: str
    authorization: Callable[[Request], str | None] = authorization_of

    def row(self, scope: str | None, rate: RequestRate | None = None) -> OperationRow:
        """Rows that need a key of this scope, and count against this rate."""

        def operation(
            method: str, path: str, endpoint: Endpoint, summary: str, described: Mapping[str, Any]
        ) -> Operation:
            return Operation(
                method, self.prefix + path, endpoint, self.tag, summary, described, scope, rate, self.authorization
            )

        return operation
