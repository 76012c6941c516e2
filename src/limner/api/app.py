"""The HTTP application: faces, middleware and error envelopes put together.

Starlette alone: every call is read by hand, for the wire has error codes that a framework's validation does not know.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import Scope
from starlette.websockets import WebSocket

from limner.api import docs, files, health
from limner.api.http.body_timeout import BodyTimeout
from limner.api.http.load_shedding import LoadShedding
from limner.api.http.middleware import BodyCap, Trace
from limner.api.s3.bucket import UploadBucket
from limner.api.s3.errors import from_refusal
from limner.api.s3.ingress import Ingress, refused
from limner.api.s3.request import object_of
from limner.api.service_container import Services
from limner.api.v2 import errors as v2_errors
from limner.api.v2 import openapi as v2_openapi
from limner.api.v2 import routes as v2
from limner.api.v2 import watch as v2_watch
from limner.api.v3 import errors as v3_errors
from limner.api.v3 import openapi as v3_openapi
from limner.api.v3 import routes as v3
from limner.api.webhooks import openapi as webhooks_openapi
from limner.api.webhooks import routes as webhooks
from limner.domain.refusal import Code, Refusal

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """`at_once` requests of either kind, `memory` bytes for large bodies, `slow_s` seconds for a pause in one."""

    at_once: int
    memory: int
    slow_s: float


def create_app(face: Services, bucket: UploadBucket, lifespan: Lifespan, limits: RequestLimits) -> Starlette:
    operations = [*v2.operations(face), *v3.operations(face), *files.operations(face), *health.operations(face)]
    operations += webhooks.operations(face)
    operations += docs.pages(operations, {**v2_openapi.SCHEMAS, **v3_openapi.SCHEMAS, **webhooks_openapi.SCHEMAS})
    reading = {operation.path for operation in operations if operation.scope == "read" and operation.method == "POST"}
    handlers: dict[Any, Any] = {Refusal: _refused, HTTPException: _http_error}
    return Starlette(
        routes=[*(operation.route(face.gate) for operation in operations), *_sockets(face)],
        middleware=[
            Middleware(Trace, answer=_answer),
            Middleware(LoadShedding, answer=_answer, at_once=limits.at_once, memory=limits.memory, reading=reading),
            Middleware(BodyTimeout, answer=_answer, slow_s=limits.slow_s),
            Middleware(Ingress, bucket=bucket),
            Middleware(BodyCap, answer=_answer),
        ],
        exception_handlers=handlers,
        lifespan=lifespan,
    )


def _sockets(face: Services) -> list[BaseRoute]:
    return [*v2_watch.sockets(v2.PREFIX, face), WebSocketRoute("/{path:path}", _nowhere)]


async def _nowhere(_socket: WebSocket) -> None:
    """A WebSocket to any other path is refused as a request to it is."""
    raise HTTPException(404)


def _answer(scope: Scope, refusal: Refusal) -> Response:
    """The refusal in the envelope of the face that was called; what belongs to none is answered as on v2."""
    if object_of(scope) is not None:
        return refused(scope, from_refusal(refusal))
    if f"{scope['path']}/".startswith(f"{v3.PREFIX}/"):
        return v3_errors.answer(scope, refusal)
    return v2_errors.answer(refusal)


async def _refused(request: Request, refusal: Refusal) -> Response:
    return _answer(request.scope, refusal)


async def _http_error(request: Request, error: HTTPException) -> Response:
    response = _answer(request.scope, _as_refusal(request, error))
    response.headers.update(error.headers or {})
    return response


def _as_refusal(request: Request, error: HTTPException) -> Refusal:
    match error.status_code:
        case 404:
            return Refusal(
                Code.ROUTE_NOT_FOUND,
                f"there is no {request.url.path!r} here",
                suggestion=f"Check the path against /docs; the API begins with {v2.PREFIX}, or with {v3.PREFIX}.",
            )
        case 405:
            return Refusal(
                Code.METHOD_NOT_ALLOWED,
                f"{request.url.path!r} takes no {request.method}",
                suggestion="Check the method of the request against /docs.",
            )
        case _:
            return Refusal(Code.MALFORMED, str(error.detail), suggestion="Refer to the API documentation.")
