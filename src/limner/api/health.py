"""Liveness and readiness probes."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from limner import __version__
from limner.api.http.operation import Operation
from limner.api.service_container import Services

_DESCRIBED = {
    "responses": {"200": {"description": "Yes", "content": {"application/json": {"schema": {"type": "object"}}}}}
}


def operations(services: Services) -> list[Operation]:
    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok", "version": __version__})

    async def readyz(_request: Request) -> Response:
        await services.store.read(lambda records: records.accounts.all()[:1])
        return JSONResponse({"status": "ready"})

    return [
        Operation("GET", "/healthz", healthz, "health", "Liveness: the process runs", _DESCRIBED),
        Operation("GET", "/readyz", readyz, "health", "Readiness: the database answers", _DESCRIBED),
    ]
