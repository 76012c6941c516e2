"""The body of a success, as v2 has it and what is not Tripo's follows."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response


def success(data: Any, headers: Mapping[str, str] | None = None) -> Response:
    """`data` in the envelope of v2, with status 200."""
    return Response(orjson.dumps({"code": 0, "data": data}), 200, headers, "application/json")
