"""The HTTP application: routes, middleware and error envelopes.

Built on Starlette alone: the error codes of the wire do not fit a framework's request validation.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from limner.api import docs, files, health, home, metrics, thumbs, weather
from limner.api.a1111 import errors as a1111_errors
from limner.api.a1111 import routes as a1111
from limner.api.admin import openapi as admin_openapi
from limner.api.admin import routes as admin
from limner.api.http.access_log import AccessLog
from limner.api.http.account_turn import AccountTurn
from limner.api.http.bodies.body_timeout import BodyTimeout
from limner.api.http.bodies.whole_form import FormsClosed
from limner.api.http.load_shedding import LoadShedding
from limner.api.http.middleware import AnswerError, BodyCap, Trace, TrailingSlash
from limner.api.http.operation import Operation, document
from limner.api.http.prefer_wait import APPLIED
from limner.api.http.public_path import PublicPath
from limner.api.http.request_spans import RequestSpans
from limner.api.library import openapi as library_openapi
from limner.api.openai import errors as openai_errors
from limner.api.openai import routes as openai
from limner.api.s3.bucket import UploadBucket
from limner.api.s3.errors import from_refusal
from limner.api.s3.ingress import S3Middleware, refused
from limner.api.s3.request import object_of
from limner.api.service_container import Services
from limner.api.templates import openapi as templates_openapi
from limner.api.templates import routes as templates
from limner.api.trust import detect, refusals
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

MCP_PATH = "/mcp"
OPENAI_PATHS = ("/v1/images/", "/v1/models/")

EXPOSED_HEADERS = (
    "X-Tripo-Trace-ID",
    "X-Limner-Served-By",
    files.MARK,
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
    "Idempotency-Replayed",
    APPLIED,
)
"""Response headers that scripts of other origins may read."""

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """`at_once` concurrent reads and writes each, `memory` bytes for bodies, `slow_s` seconds of silence in a body.

    Web pages of `cors_origins` may call the API; `*` is all. `public_path` is the path of the public URL. `a1111` adds
    AUTOMATIC1111's API.
    """

    at_once: int
    memory: int
    slow_s: float
    cors_origins: tuple[str, ...] = ()
    access_log: bool = False
    public_path: str = ""
    a1111: bool = False


@dataclass(frozen=True, slots=True)
class WebPages:
    """Pages beside the API: their routes, under `prefix` but for `/docs`, and how a refusal is answered there.

    The routes are made of the API's operations and the OpenAPI document of them.
    """

    prefix: str
    routes: Callable[[Sequence[Operation], Mapping[str, Any]], Sequence[BaseRoute]]
    answer: AnswerError


class AgentFace(Protocol):
    """MCP: the application at `MCP_PATH`, and how a refusal is answered there."""

    def answer(self, scope: Scope, refusal: Refusal, /) -> Response: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


def create_app(
    services: Services,
    bucket: UploadBucket,
    lifespan: Lifespan,
    limits: RequestLimits,
    *,
    pages: WebPages,
    agents: AgentFace | None,
) -> Starlette:
    operations = [
        *v2.operations(services),
        *v3.operations(services),
        *files.operations(services),
        *thumbs.operations(services),
        *health.operations(services),
        *metrics.operations(services),
        *weather.operations(services),
        *detect.operations(services),
        *refusals.operations(services),
        *admin.operations(services.operators),
    ]
    operations += webhooks.operations(services)
    operations += templates.operations(services, services.templates)
    operations += openai.operations(services)
    operations += a1111.operations(services) if limits.a1111 else []
    described, of_pages = document(operations, _schemas()), tuple(operations)
    operations += docs.operations(described)
    operations += home.operations(pages.prefix)
    reading = {operation.path for operation in operations if operation.scope == "read" and operation.method == "POST"}
    errors = _Errors(_answers(pages, agents))
    handlers: dict[Any, Any] = {Refusal: errors.refused, HTTPException: errors.http_error}
    routes = [operation.route(services.authentication) for operation in operations]
    if agents:
        routes.append(Route(MCP_PATH, agents))
    return Starlette(
        routes=[*routes, *pages.routes(of_pages, described), *_sockets(services)],
        middleware=[
            *([Middleware(AccessLog)] if limits.access_log else []),
            Middleware(PublicPath, path=limits.public_path),
            *_cross_origin(limits.cors_origins),
            Middleware(Trace, answer=errors.answer),
            *([Middleware(RequestSpans, tracing=services.tracing)] if services.tracing.is_on else []),
            Middleware(AccountTurn, charged_to=services.authentication.charged_to),
            Middleware(
                LoadShedding,
                answer=errors.answer,
                at_once=limits.at_once,
                memory=limits.memory,
                reading=reading,
                held=partial(_is_held, pages.prefix),
            ),
            Middleware(BodyTimeout, answer=errors.answer, slow_s=limits.slow_s),
            Middleware(S3Middleware, bucket=bucket),
            Middleware(BodyCap, answer=errors.answer, several=lambda path: path.startswith(OPENAI_PATHS[0])),
            Middleware(TrailingSlash),
            Middleware(FormsClosed),
        ],
        exception_handlers=handlers,
        lifespan=lifespan,
    )


def _is_held(pages_prefix: str, path: str) -> bool:
    """Whether forms of this path stay in memory: those of pages, but for uploads."""
    return path.startswith(f"{pages_prefix}/") and not path.endswith("/uploads")


def _schemas() -> dict[str, Any]:
    faces = (
        v2_openapi.SCHEMAS,
        v3_openapi.SCHEMAS,
        webhooks_openapi.SCHEMAS,
        library_openapi.SCHEMAS,
        templates_openapi.SCHEMAS,
        weather.SCHEMAS,
        admin_openapi.SCHEMAS,
    )
    return {name: schema for schemas in faces for name, schema in schemas.items()}


def _cross_origin(origins: tuple[str, ...]) -> list[Middleware]:
    """CORS for web pages of these origins. No cookies are involved: a page sends its key itself."""
    if not origins:
        return []
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["*"],
        expose_headers=EXPOSED_HEADERS,
        max_age=3600,
    )
    return [cors]


def _sockets(services: Services) -> list[BaseRoute]:
    return [*v2_watch.sockets(v2.PREFIX, services), WebSocketRoute("/{path:path}", _unknown_socket)]


async def _unknown_socket(_socket: WebSocket) -> None:
    """A WebSocket to an unknown path gets the same 404 as a request."""
    raise HTTPException(404)


def _answers(pages: WebPages, agents: AgentFace | None) -> Mapping[str, AnswerError]:
    return {
        f"{v3.PREFIX}/": v3_errors.answer,
        **dict.fromkeys(OPENAI_PATHS, openai_errors.answer),
        f"{a1111.PREFIX}/": a1111_errors.answer,
        **dict.fromkeys((f"{pages.prefix}/", "/docs/"), pages.answer),
        **({f"{MCP_PATH}/": agents.answer} if agents else {}),
    }


@dataclass(frozen=True, slots=True)
class _Errors:
    """Answers refusals in the form of what the path belongs to; in v2's envelope for unknown paths."""

    answers: Mapping[str, AnswerError]
    """By what paths begin with."""

    def answer(self, scope: Scope, refusal: Refusal) -> Response:
        if object_of(scope) is not None:
            return refused(scope, from_refusal(refusal))
        path = f"{scope['path']}/"
        for beginning, answer in self.answers.items():
            if path.startswith(beginning):
                return answer(scope, refusal)
        return v2_errors.answer(refusal)

    async def refused(self, request: Request, refusal: Refusal) -> Response:
        return self.answer(request.scope, refusal)

    async def http_error(self, request: Request, error: HTTPException) -> Response:
        response = self.answer(request.scope, _as_refusal(request, error))
        response.headers.update(error.headers or {})
        return response


def _as_refusal(request: Request, error: HTTPException) -> Refusal:
    match error.status_code:
        case 404:
            return Refusal(
                Code.ROUTE_NOT_FOUND,
                f"there is no route {request.url.path!r}",
                suggestion=f"Check the path against /docs; API paths begin with {v2.PREFIX} or {v3.PREFIX}.",
            )
        case 405:
            return Refusal(
                Code.METHOD_NOT_ALLOWED,
                f"{request.url.path!r} does not support the method {request.method}",
                suggestion="Check the method of the request against /docs.",
            )
        case _:
            return Refusal(Code.MALFORMED, str(error.detail), suggestion="Refer to the API documentation.")
