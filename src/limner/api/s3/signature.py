"""AWS Signature Version 4 for S3, in the Authorization header or in the query of a presigned URL.

Source: AWS's description of the scheme. The tests compare it with botocore's signer.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote_to_bytes

from limner.api.s3.errors import S3Error
from limner.domain.network.aws_signing_key import aws_signing_key

SKEW_S = 15 * 60
"""Allowed difference between the clocks of client and server."""

UNSIGNED = "UNSIGNED-PAYLOAD"

_ALGORITHM = "AWS4-HMAC-SHA256"
_LONGEST_LIFE_S = 7 * 24 * 3600
_NOTHING = hashlib.sha256(b"").hexdigest()
_DATE = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}")
_CREDENTIAL = re.compile(r"([A-Za-z0-9]{1,128})/((\d{8})/[A-Za-z0-9-]{1,64}/s3/aws4_request)", re.ASCII)
_HEADER_NAMES = re.compile(r"[a-z0-9-]+(;[a-z0-9-]+)*")


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request without its body. `path` and `query` are undecoded, header names in lower case.

    `public_path` is a path that stands before `path` where the client is, and may be signed.
    """

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    public_path: str = ""

    def header(self, name: str) -> str | None:
        """The value of a header; repeated headers are joined with commas."""
        values = [" ".join(value.split()) for given, value in self.headers if given == name]
        return ",".join(values) if values else None

    def parameters(self) -> dict[str, str]:
        """The decoded query; the last of repeated parameters wins."""
        return {_text(name): _text(value) for name, value in _pairs(self.query)}


@dataclass(frozen=True, slots=True)
class Authorization:
    """The parsed authorization. `at` is the signing time as yyyymmddThhmmssZ."""

    access_key: str
    scope: str
    signed_headers: tuple[str, ...]
    signature: str
    at: str
    token: str
    payload: str
    expires_s: int | None = None


@dataclass(slots=True)
class SignatureChain:
    """Verifies frame signatures: each covers the previous one, the first covers the request's."""

    key: bytes
    at: str
    scope: str
    previous: str

    def check_frame(self, signature: str, sha256: str) -> None:
        self._check(signature, f"{_ALGORITHM}-PAYLOAD", _NOTHING, sha256)

    def check_trailers(self, signature: str, trailers: Mapping[str, str]) -> None:
        to_sign = "".join(f"{name}:{value}\n" for name, value in trailers.items())
        self._check(signature, f"{_ALGORITHM}-TRAILER", hashlib.sha256(to_sign.encode()).hexdigest())

    def _check(self, signature: str, *lines: str) -> None:
        kind, *digests = lines
        to_sign = "\n".join((kind, self.at, self.scope, self.previous, *digests))
        expected = hmac.digest(self.key, to_sign.encode(), "sha256").hex()
        if not hmac.compare_digest(expected, signature):
            raise _mismatch()
        self.previous = expected


def read_authorization(head: RequestHead) -> Authorization:
    """Parse the authorization. Raises `S3Error` for unsigned requests and unsupported schemes."""
    header, parameters = head.header("authorization"), head.parameters()
    if header is not None:
        return _from_header(head, header)
    if "X-Amz-Algorithm" in parameters:
        return _from_query(head, parameters)
    if "AWSAccessKeyId" in parameters:
        raise _unsupported()
    raise S3Error("AccessDenied", "The request is not signed. Ask for credentials with POST /upload/sts/token.")


def check_time(authorization: Authorization, now_s: float) -> None:
    """Raise `S3Error` for expired requests and signing times too far from `now_s`."""
    at_s = datetime.strptime(authorization.at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    if authorization.expires_s is None:
        if abs(now_s - at_s) > SKEW_S:
            raise S3Error(
                "RequestTimeTooSkewed",
                "The request time differs too much from the server time. Correct the clock and sign again.",
            )
    elif now_s > at_s + authorization.expires_s:
        raise S3Error("AccessDenied", "Request has expired")
    elif now_s < at_s - SKEW_S:
        raise S3Error("AccessDenied", "Request is not valid yet")


def verify(head: RequestHead, authorization: Authorization, secret_key: str) -> SignatureChain:
    """Check the signature; returns the chain for signed frames. Raises `S3Error`."""
    _check_covered(head, authorization)
    key = aws_signing_key(secret_key, authorization.scope)
    for path in dict.fromkeys((head.path, f"{head.public_path}{head.path}")):
        canonical = hashlib.sha256(_canonical(head, path, authorization).encode()).hexdigest()
        to_sign = f"{_ALGORITHM}\n{authorization.at}\n{authorization.scope}\n{canonical}"
        expected = hmac.digest(key, to_sign.encode(), "sha256").hex()
        if hmac.compare_digest(expected, authorization.signature):
            return SignatureChain(key, authorization.at, authorization.scope, expected)
    raise _mismatch()


# --- reading ------------------------------------------------------------------------------------------------------


def _from_header(head: RequestHead, header: str) -> Authorization:
    algorithm, _, rest = header.partition(" ")
    if algorithm != _ALGORITHM:
        raise _unsupported()
    given = dict(_split(part) for part in rest.split(","))
    error_code = "AuthorizationHeaderMalformed"
    access_key, scope, day = _credential(given.get("Credential", ""), error_code)
    payload = head.header("x-amz-content-sha256")
    if payload is None:
        raise S3Error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    return Authorization(
        access_key=access_key,
        scope=scope,
        signed_headers=_header_names(given.get("SignedHeaders", ""), error_code),
        signature=_signature(given.get("Signature", ""), error_code),
        at=_date(head.header("x-amz-date") or "", day, error_code),
        token=head.header("x-amz-security-token") or "",
        payload=payload,
    )


def _from_query(head: RequestHead, given: Mapping[str, str]) -> Authorization:
    if given["X-Amz-Algorithm"] != _ALGORITHM:
        raise _unsupported()
    error_code = "AuthorizationQueryParametersError"
    access_key, scope, day = _credential(given.get("X-Amz-Credential", ""), error_code)
    return Authorization(
        access_key=access_key,
        scope=scope,
        signed_headers=_header_names(given.get("X-Amz-SignedHeaders", ""), error_code),
        signature=_signature(given.get("X-Amz-Signature", ""), error_code),
        at=_date(given.get("X-Amz-Date", ""), day, error_code),
        token=given.get("X-Amz-Security-Token", ""),
        payload=head.header("x-amz-content-sha256") or UNSIGNED,
        expires_s=_expires(given.get("X-Amz-Expires", "")),
    )


def _credential(text: str, error_code: str) -> tuple[str, str, str]:
    found = _CREDENTIAL.fullmatch(text)
    if found is None:
        raise S3Error(error_code, "The credential must read ACCESS_KEY/yyyymmdd/REGION/s3/aws4_request.")
    return found[1], found[2], found[3]


def _header_names(text: str, error_code: str) -> tuple[str, ...]:
    if not _HEADER_NAMES.fullmatch(text):
        raise S3Error(error_code, "SignedHeaders must name headers in lower case, separated by semicolons.")
    return tuple(text.split(";"))


def _signature(text: str, error_code: str) -> str:
    if not _HEX.fullmatch(text):
        raise S3Error(error_code, "The signature must be 64 hexadecimal digits.")
    return text


def _date(text: str, day: str, error_code: str) -> str:
    if not _is_time(text):
        raise S3Error("AccessDenied", "AWS authentication requires a valid x-amz-date, as 20261122T120000Z.")
    if not text.startswith(day):
        raise S3Error(error_code, "The date in the credential does not match x-amz-date.")
    return text


def _is_time(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text) and datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC))
    except ValueError:
        return False


def _expires(text: str) -> int:
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
    if not 1 <= seconds <= _LONGEST_LIFE_S:
        raise S3Error("AuthorizationQueryParametersError", f"X-Amz-Expires must be 1 to {_LONGEST_LIFE_S} seconds.")
    return seconds


# --- what is signed -----------------------------------------------------------------------------------------------


def _check_covered(head: RequestHead, authorization: Authorization) -> None:
    """Require signatures over host and all x-amz headers."""
    ours = {name for name, _ in head.headers if name.startswith("x-amz-")} | {"host"}
    if unsigned := sorted(ours.difference(authorization.signed_headers)):
        raise S3Error("AccessDenied", f"There were headers present in the request which were not signed: {unsigned[0]}")


def _canonical(head: RequestHead, path: str, authorization: Authorization) -> str:
    named = "".join(f"{name}:{head.header(name) or ''}\n" for name in authorization.signed_headers)
    return "\n".join(
        (
            head.method,
            quote(unquote_to_bytes(path), safe="/-._~"),
            "&".join(f"{name}={value}" for name, value in sorted(_encoded(_pairs(head.query)))),
            named,
            ";".join(authorization.signed_headers),
            authorization.payload,
        )
    )


def _encoded(pairs: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[str, str]]:
    """The canonical query: normalised escapes, without the signature."""
    covered = ((name, value) for name, value in pairs if name != b"X-Amz-Signature")
    return ((quote(name, safe="-._~"), quote(value, safe="-._~")) for name, value in covered)


def _pairs(query: str) -> list[tuple[bytes, bytes]]:
    parts = (part.partition("=") for part in query.split("&") if part)
    return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in parts]


def _split(part: str) -> tuple[str, str]:
    name, _, value = part.strip().partition("=")
    return name, value


def _text(encoded: bytes) -> str:
    return encoded.decode(errors="replace")


def _mismatch() -> S3Error:
    return S3Error(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
    )


def _unsupported() -> S3Error:
    return S3Error(
        "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    )
