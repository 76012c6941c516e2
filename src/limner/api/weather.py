"""`GET /v1/weather`: the route statistics, for every key. Shares and times, no counts: they tell nothing of tenants."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.bodies.success import success
from limner.api.http.openapi_schema import content, fields, ref
from limner.api.http.operation import Operation
from limner.api.service_container import Services
from limner.application.operations.route_states import RouteCondition
from limner.application.route_statistics.read import RouteStatistics
from limner.domain.routing.call_statistics import CallStatistics, Outlook

_SECONDS = {"type": ["number", "null"], "description": "Seconds; null without a picture in this time."}
_PERIOD = fields(
    p50_s=_SECONDS,
    p95_s=_SECONDS,
    picture_share={"type": ["number", "null"], "description": "Share of the calls that brought a picture."},
    failure_shares={"type": "object", "additionalProperties": {"type": "number"}, "description": "By kind."},
)
SCHEMAS: dict[str, Any] = {
    "WeatherPeriod": _PERIOD,
    "RouteWeather": fields(
        route={"type": "string"},
        provider={"type": "string"},
        models={"type": "array", "items": {"type": "string"}},
        condition={"type": "string", "enum": list(RouteCondition)},
        until_ms={"type": ["integer", "null"], "description": "When a condition other than `open` ends."},
        outlook={"type": "string", "enum": list(Outlook)},
        hour=ref("WeatherPeriod"),
        day=ref("WeatherPeriod"),
    ),
}
_DATA = fields(routes={"type": "array", "items": ref("RouteWeather")})
_DESCRIBED: Mapping[str, Any] = {
    "security": [{"key": []}],
    "responses": {
        "200": {"description": "Success", **content(fields(code={"const": 0}, data=_DATA))},
        **{str(code): {"description": f"Refused, HTTP {code}", **content(ref("Error"))} for code in (401, 403, 429)},
    },
}


def operations(services: Services) -> list[Operation]:
    async def weather(_request: Request) -> Response:
        found = await services.read_route_statistics()
        return success({"routes": [_route(each) for each in found]})

    summary = "How fast and how well each route has worked lately"
    return [Operation("GET", "/v1/weather", weather, "routes", summary, _DESCRIBED, "read")]


def _route(statistics: RouteStatistics) -> dict[str, Any]:
    state = statistics.state
    return {
        "route": state.route,
        "provider": state.provider,
        "models": list(state.models),
        "condition": state.condition,
        "until_ms": state.until_ms,
        "outlook": statistics.outlook,
        "hour": _period(statistics.hour),
        "day": _period(statistics.day),
    }


def _period(calls: CallStatistics) -> dict[str, Any]:
    return {
        "p50_s": _seconds(calls.p50_ms),
        "p95_s": _seconds(calls.p95_ms),
        "picture_share": _share(calls.pictures, calls.calls),
        "failure_shares": {kind: _share(count, calls.calls) for kind, count in calls.failures.items()},
    }


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else round(ms / 1000, 1)


def _share(count: int, calls: int) -> float | None:
    return round(count / calls, 2) if calls else None
