"""S3 error codes, their HTTP statuses, and the XML error document."""

from xml.sax.saxutils import escape

from starlette.responses import Response

from limner.api.tripo.error_table import headers_of, refusal_sentence
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
"""S3 error codes in use, with their HTTP statuses in S3."""

_CODE_OF = {
    Code.IMAGE_TOO_LARGE: "EntityTooLarge",
    Code.RATE_LIMITED: "SlowDown",
    Code.UNKNOWN: "InternalError",
}


class S3Error(Exception):
    """A refused S3 request. `code` is a key of `STATUS`, `message` is shown to people."""

    def __init__(self, code: str, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = STATUS[code]
        self.headers = headers or {}


def from_refusal(refusal: Refusal) -> S3Error:
    """Translate a `Refusal` to an S3 error."""
    code = "RequestTimeout" if isinstance(refusal, TooSlow) else _CODE_OF.get(refusal.code, "InvalidRequest")
    return S3Error(code, refusal_sentence(refusal), headers=headers_of(refusal))


def answer(error: S3Error, path: str, request_id: str) -> Response:
    """The XML error response."""
    parts = (("Code", error.code), ("Message", error.message), ("Resource", path), ("RequestId", request_id))
    inner = "".join(f"<{name}>{escape(_printable(value))}</{name}>" for name, value in parts)
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'
    return Response(body, error.status, error.headers, "application/xml")


def _printable(text: str) -> str:
    """Replace control characters, which XML cannot represent."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
