"""The error table shared by the v2 and v3 APIs.

The messages are Tripo's, with their spelling, because clients match on them. The suggestions are ours: they name the
field, the value and the limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from limner.application.tasks.accept import IdempotencyConflict
from limner.domain.refusal import MarkMissing, Overloaded, Refusal, TooSlow, Unavailable, UnsupportedMedia


@dataclass(frozen=True, slots=True)
class ErrorRow:
    status: int
    message: str
    suggestion: str


_REQUEST_ID = "Please contact the support with request id"
_DOCUMENTATION = "Refer to the API documentation for"
_MODIFY = "Please modify your input and retry"

SHARED: Mapping[int, ErrorRow] = {
    1000: ErrorRow(500, "Unknown error on sever side", _REQUEST_ID),
    1001: ErrorRow(500, "Fatal error on server side", _REQUEST_ID),
    1003: ErrorRow(400, "The request body is malformed", f"{_DOCUMENTATION} request schema"),
    1004: ErrorRow(400, "One or more of your parameter is invalid", f"{_DOCUMENTATION} parameter requirements"),
    1005: ErrorRow(403, "You are not allowed to access this resource", "Check if you have sufficent permission"),
    1007: ErrorRow(
        429,
        "Rate limit exceeded, you've generated too many requests in a short amount of time",
        "Please wait for a while and try again",
    ),
    2000: ErrorRow(
        429,
        "You have exceeded the limit of generation",
        "Try again later. You can also check `Retry-After` header.",
    ),
    2001: ErrorRow(
        404, "The task is not found", "Check if the task is committed by you or whether the format is correct"
    ),
    2002: ErrorRow(400, "This task type is not supported", "Refer to API documentation for supported task types"),
    2003: ErrorRow(400, "The image file is empty", "Check if the file is corrupted"),
    2004: ErrorRow(
        400,
        "This image file type is not supported",
        "Refer to API documentation for supported image file types",
    ),
    2005: ErrorRow(400, "The draft task is not a success task", "Retry with a success draft task"),
    2006: ErrorRow(400, "The original task type is not supported", "Retry with a task with supported task type"),
    2007: ErrorRow(400, "The original task is not a succeeded task", "Retry with a succeeded task"),
    2008: ErrorRow(400, "The input is rejected due to violation of content policy", _MODIFY),
    2009: ErrorRow(400, "The input prompt contains invalid characters", _MODIFY),
    2010: ErrorRow(403, "You don't have enough credit to create this task", "Please purchase more credit"),
    2011: ErrorRow(
        400,
        "The input task type cannot be prerigcheck without model",
        "Please provide a task with output containing a model",
    ),
    2012: ErrorRow(400, "The input task type is not valid", "Please provide a rig task"),
    2013: ErrorRow(403, "The priority is invalid", "Contact the support if you need higher priority"),
    2014: ErrorRow(400, "Error occurred when auditing", "Please contact us for further suggestion"),
    2015: ErrorRow(400, "The version has been deprecated, please try higher version", "Try higher version please"),
    2016: ErrorRow(400, "The request type has been deprecated", "Try other available types please"),
    2017: ErrorRow(400, "The version value is valid", "Try correct version please"),
    2018: ErrorRow(400, "The model is too complex to remesh", "Please try another model"),
    2019: ErrorRow(
        404,
        "The file is not found",
        "Check uploading response to ensure if the file has uploaded successfully",
    ),
    2021: ErrorRow(400, "The image size is not supported", "Check the width and the height of the image"),
    2022: ErrorRow(400, "The image is too large", "Use an image of at most 20 MB"),
}


def status_of(refusal: Refusal, row: ErrorRow) -> int:
    """The HTTP status of the refusal: that of its class if it has one, else that of its code."""
    match refusal:
        case IdempotencyConflict():
            return 422
        case Overloaded() | Unavailable() | MarkMissing():
            return 503
        case TooSlow():
            return 408
        case UnsupportedMedia():
            return 415
        case _:
            return row.status


def headers_of(refusal: Refusal) -> dict[str, str]:
    headers = {"Retry-After": str(refusal.retry_after_s)} if refusal.retry_after_s is not None else {}
    return headers | {"Connection": "close"} if isinstance(refusal, TooSlow) else headers


def refusal_sentence(refusal: Refusal) -> str:
    """One text: field, reason and suggestion."""
    where = f"{refusal.field}: " if refusal.field and not refusal.reason.startswith(refusal.field) else ""
    said = f"{where}{refusal.clause}"
    if not refusal.field:  # a field name keeps its case
        said = said[:1].upper() + said[1:]
    return f"{said}. {refusal.suggestion}"
