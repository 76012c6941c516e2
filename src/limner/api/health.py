"""Liveness and readiness probes."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from limner import __version__
from limner.api.http.operation import Operation
from limner.api.service_container import Services

RETRY_AFTER_S = 5

_DESCRIBED = {
    "responses": {"200": {"description": "Yes", "content": {"application/json": {"schema": {"type": "object"}}}}}
}
_READINESS = {
    "responses": {
        **_DESCRIBED["responses"],
        "503": {
            "description": "Not ready, or draining. `checks` says which part fails",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
    }
}


def operations(services: Services) -> list[Operation]:
    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok", "version": __version__})

    async def readyz(_request: Request) -> Response:
        checks = await services.readiness.checks()
        if services.readiness.draining:
            status = "draining"
        else:
            status = "ready" if all(check == "ok" for check in checks.values()) else "not ready"
        if status == "ready":
            return JSONResponse({"status": status, "checks": checks})
        return JSONResponse({"status": status, "checks": checks}, 503, headers={"Retry-After": str(RETRY_AFTER_S)})

    return [
        Operation("GET", "/healthz", healthz, "health", "Liveness: the process runs", _DESCRIBED),
        Operation("GET", "/readyz", readyz, "health", "Readiness: database, picture store and worker work", _READINESS),
    ]
