"""Whether the service lives, and whether it can serve."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from limner import __version__
from limner.api.http.operation import Operation
from limner.api.service_container import Services

_DESCRIBED = {
    "responses": {"200": {"description": "It does", "content": {"application/json": {"schema": {"type": "object"}}}}}
}


def operations(face: Services) -> list[Operation]:
    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok", "version": __version__})

    async def readyz(_request: Request) -> Response:
        await face.store.read(lambda records: records.accounts.all()[:1])
        return JSONResponse({"status": "ready"})

    return [
        Operation("GET", "/healthz", healthz, "health", "Whether the process lives", _DESCRIBED),
        Operation("GET", "/readyz", readyz, "health", "Whether it reaches its database", _DESCRIBED),
    ]
