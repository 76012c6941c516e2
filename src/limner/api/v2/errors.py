"""The error table and error envelope of the v2 API."""

import orjson
from starlette.responses import Response

from limner.api.tripo.error_table import SHARED, ErrorRow, headers_of, refusal_sentence, status_of
from limner.domain.refusal import Code, Refusal

ERRORS: dict[int, ErrorRow] = {
    **SHARED,
    1002: ErrorRow(401, "Authentication failed", "Check if your credentials is valid, and ensure you set it correctly"),
    9404: ErrorRow(404, "The route is not found", "Check the path; the API begins with /v2/openapi"),
    9405: ErrorRow(405, "The method is not allowed", "Check the method of the request"),
    9415: ErrorRow(404, "The template is not found", "Check the name, and that it is a template of yours"),
    9414: ErrorRow(404, "The webhook is not found", "Check the id, and that it is a webhook of yours"),
}


def body_of(refusal: Refusal) -> dict[str, object]:
    unknown_key = refusal.code is Code.UNAUTHENTICATED
    suggestion = ERRORS[refusal.code].suggestion if unknown_key else refusal_sentence(refusal)
    return {"code": int(refusal.code), "message": ERRORS[refusal.code].message, "suggestion": suggestion}


def problem(refusal: Refusal) -> dict[str, object]:
    """A problem of a quote: the refusal that a create would answer, and its field."""
    return {**body_of(refusal), "field": refusal.field}


def answer(refusal: Refusal) -> Response:
    """The v2 error response."""
    status = status_of(refusal, ERRORS[refusal.code])
    return Response(orjson.dumps(body_of(refusal)), status, headers_of(refusal), "application/json")
