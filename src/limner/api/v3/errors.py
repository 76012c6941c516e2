"""The error table and error envelope of the v3 API."""

import orjson
from starlette.responses import Response
from starlette.types import Scope

from limner.api.tripo.error_table import SHARED, ErrorRow, headers_of, refusal_sentence, status_of
from limner.domain.refusal import Code, Refusal

BAD_KEY = 2
NO_SUCH_ROUTE = 4001
EXPIRED = 2018
"""`error_code` of an expired task: v3 has no such status."""

ERRORS: dict[int, ErrorRow] = {
    **SHARED,
    BAD_KEY: ErrorRow(401, "Invalid API key", "Check if your credentials is valid"),
    EXPIRED: ErrorRow(400, "The task has expired", "Submit the task again"),
    NO_SUCH_ROUTE: ErrorRow(404, "The route is not found", "Check the path; the API begins with /v3"),
}

_OWN = {
    Code.UNAUTHENTICATED: BAD_KEY,
    Code.ROUTE_NOT_FOUND: NO_SUCH_ROUTE,
    Code.METHOD_NOT_ALLOWED: Code.MALFORMED,
}


def code_of(refusal: Refusal) -> int:
    return int(_OWN.get(refusal.code, refusal.code))


def problem(refusal: Refusal) -> dict[str, object]:
    """A problem of a quote: what a create would answer, and its field."""
    code = code_of(refusal)
    facts = {"code": code, "message": ERRORS[code].message, "suggestion": refusal_sentence(refusal)}
    return {**facts, "field": refusal.field}


def answer(scope: Scope, refusal: Refusal) -> Response:
    """The v3 error response."""
    code = code_of(refusal)
    body = {
        "code": code,
        "status": "error",
        "message": ERRORS[code].message,
        # Tripo's own sentence: some clients compare it.
        "suggestion": ERRORS[code].suggestion if code == BAD_KEY else refusal_sentence(refusal),
        "request_id": scope["trace"],
    }
    return Response(orjson.dumps(body), _status(refusal, ERRORS[code]), headers_of(refusal), "application/json")


def _status(refusal: Refusal, row: ErrorRow) -> int:
    return 405 if refusal.code is Code.METHOD_NOT_ALLOWED else status_of(refusal, row)
