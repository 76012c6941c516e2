"""`/metrics`, for Prometheus, to keys with the scope `admin`; not served where the metrics have their own address."""

from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.openapi_schema import content, ref
from limner.api.http.operation import Operation
from limner.api.service_container import Services

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_DESCRIBED = {
    "security": [{"key": []}],
    "responses": {
        "200": {"description": "The metrics", **content({"type": "string"}, "text/plain")},
        **{str(code): {"description": f"Refused, HTTP {code}", **content(ref("Error"))} for code in (401, 403, 429)},
    },
}


def operations(services: Services) -> list[Operation]:
    if (page := services.metrics_page) is None:
        return []

    async def metrics(_request: Request) -> Response:
        return Response(await page(), media_type=CONTENT_TYPE)

    return [Operation("GET", "/metrics", metrics, "operations", "Metrics in Prometheus' format", _DESCRIBED, "admin")]
