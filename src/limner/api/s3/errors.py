"""Refusals in S3's words: a code that clients branch on, its HTTP status, and XML around a sentence."""

from xml.sax.saxutils import escape

from starlette.responses import Response

from limner.api.tripo.error_table import headers_of, told
from limner.domain.refusal import Code, Refusal, TooSlow

STATUS = {
    "AccessDenied": 403,
    "AuthorizationHeaderMalformed": 400,
    "AuthorizationQueryParametersError": 400,
    "BadDigest": 400,
    "EntityTooLarge": 400,
    "EntityTooSmall": 400,
    "ExpiredToken": 400,
    "IncompleteBody": 400,
    "InternalError": 500,
    "InvalidAccessKeyId": 403,
    "InvalidArgument": 400,
    "InvalidChunkSizeError": 403,
    "InvalidDigest": 400,
    "InvalidPart": 400,
    "InvalidPartOrder": 400,
    "InvalidRequest": 400,
    "InvalidToken": 400,
    "MalformedTrailerError": 400,
    "MalformedXML": 400,
    "MaxMessageLengthExceeded": 400,
    "MissingContentLength": 411,
    "NoSuchKey": 404,
    "NoSuchUpload": 404,
    "NotImplemented": 501,
    "PreconditionFailed": 412,
    "RequestTimeTooSkewed": 403,
    "RequestTimeout": 400,
    "SignatureDoesNotMatch": 403,
    "SlowDown": 503,
    "XAmzContentSHA256Mismatch": 400,
}
"""The codes we answer, all of them S3's own, with the statuses that S3 gives them."""

_CODE_OF = {
    Code.IMAGE_TOO_LARGE: "EntityTooLarge",
    Code.RATE_LIMITED: "SlowDown",
    Code.UNKNOWN: "InternalError",
}


class S3Error(Exception):
    """A request to the bucket was turned down. `code` is one of `STATUS`, `message` a sentence for people."""

    def __init__(self, code: str, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = STATUS[code]
        self.headers = headers or {}


def from_refusal(refusal: Refusal) -> S3Error:
    """A refusal that the service knows by its own codes, in S3's."""
    code = "RequestTimeout" if isinstance(refusal, TooSlow) else _CODE_OF.get(refusal.code, "InvalidRequest")
    return S3Error(code, told(refusal), headers=headers_of(refusal))


def answer(error: S3Error, path: str, request_id: str) -> Response:
    """The error as S3 clients expect it."""
    parts = (("Code", error.code), ("Message", error.message), ("Resource", path), ("RequestId", request_id))
    inner = "".join(f"<{name}>{escape(_printable(value))}</{name}>" for name, value in parts)
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'
    return Response(body, error.status, error.headers, "application/xml")


def _printable(text: str) -> str:
    """XML has no way to write control characters, and a path may hold any."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
