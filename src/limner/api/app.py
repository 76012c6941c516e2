"""The HTTP application: faces, middleware and error envelopes put together."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from limner import __version__
from limner.api import files
from limner.api.face import Face
from limner.api.middleware import BodyCap, Trace
from limner.api.v2 import openapi
from limner.api.v2 import routes as v2
from limner.api.v2.errors import answer
from limner.domain.refusal import Code, Refusal

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(face: Face, lifespan: Lifespan) -> FastAPI:
    app = FastAPI(
        title="Limner",
        version=__version__,
        summary="One durable task API over many image models.",
        lifespan=lifespan,
        docs_url="/docs",
        redoc_url=None,
    )
    app.include_router(v2.routes(face))
    app.include_router(files.routes(face))
    _add_health(app, face)
    _add_errors(app)
    app.add_middleware(BodyCap, answer=_answer)
    app.add_middleware(Trace, answer=_answer)
    _describe(app)
    return app


def _answer(_scope: Scope, refusal: Refusal) -> Response:
    """The refusal in the envelope of the face that was called; so far there is one."""
    return answer(refusal)


def _add_health(app: FastAPI, face: Face) -> None:
    @app.get("/healthz", tags=["health"], summary="Whether the process lives")
    async def healthz() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @app.get("/readyz", tags=["health"], summary="Whether it can serve")
    async def readyz() -> JSONResponse:
        await face.store.read(lambda records: records.accounts.all()[:1])
        return JSONResponse({"status": "ready"})


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> Response:
        return _answer(request.scope, refusal)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
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


def _describe(app: FastAPI) -> None:
    """Add to the OpenAPI document what the hand-read routes refer to."""
    plain: Callable[[], dict[str, Any]] = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(openapi.SCHEMAS)
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "tsk_…"}}
        return document

    app.openapi = described  # type: ignore[method-assign]
