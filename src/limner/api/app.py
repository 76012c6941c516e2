"""The HTTP application: faces, middleware and error envelopes put together.

Starlette alone: every call is read by hand, for the wire has error codes that a framework's validation does not know.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from limner.api import docs, files, health
from limner.api.face import Face
from limner.api.middleware import BodyCap, Trace
from limner.api.v2 import openapi
from limner.api.v2 import routes as v2
from limner.api.v2.errors import answer
from limner.domain.refusal import Code, Refusal

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def create_app(face: Face, lifespan: Lifespan) -> Starlette:
    operations = [*v2.operations(face), *files.operations(face), *health.operations(face)]
    operations += docs.pages(operations, openapi.SCHEMAS)
    handlers: dict[Any, Any] = {Refusal: _refused, HTTPException: _http_error}
    return Starlette(
        routes=[operation.route() for operation in operations],
        middleware=[Middleware(Trace, answer=_answer), Middleware(BodyCap, answer=_answer)],
        exception_handlers=handlers,
        lifespan=lifespan,
    )


def _answer(_scope: Scope, refusal: Refusal) -> Response:
    """The refusal in the envelope of the face that was called; so far there is one."""
    return answer(refusal)


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
                suggestion="Check the path against /docs; the API begins with /v2/openapi.",
            )
        case 405:
            return Refusal(
                Code.METHOD_NOT_ALLOWED,
                f"{request.url.path!r} takes no {request.method}",
                suggestion="Check the method of the request against /docs.",
            )
        case _:
            return Refusal(Code.MALFORMED, str(error.detail), suggestion="Refer to the API documentation.")
