"""Authorizes requests to the bucket."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.types import Scope

from limner.api.http.public_path import PUBLIC_PATH
from limner.api.s3.errors import S3Error
from limner.api.s3.receive import DeclaredBody, declared_body
from limner.api.s3.signature import Authorization, RequestHead, SignatureChain, check_time, read_authorization, verify
from limner.application.images.object_uploads import NamedUpload
from limner.application.images.upload_credentials import SessionTokenSigner, UploadGrant
from limner.domain.upload import BUCKET

_IN_HOST = re.compile(rf"{re.escape(BUCKET)}\..+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AuthorizedRequest:
    """A verified request. `chain` verifies signed frames of its body."""

    grant: UploadGrant
    authorization: Authorization
    chain: SignatureChain


@dataclass(frozen=True, slots=True)
class Request:
    head: RequestHead
    authorized: AuthorizedRequest
    name: NamedUpload
    http: HttpRequest

    @property
    def parameters(self) -> dict[str, str]:
        return self.head.parameters()

    def declared(self) -> DeclaredBody:
        return declared_body(self.head, self.authorized.authorization, self.authorized.chain)

    async def body(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self.http.stream():
                yield piece
        except ClientDisconnect:
            raise S3Error("IncompleteBody", "The upload was interrupted.") from None


def object_of(scope: Scope) -> str | None:
    """The object key of a request to the bucket, empty for the bucket itself; None for other requests.

    Takes path-style and virtual-hosted-style addresses.
    """
    path = str(scope["path"])
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    if _IN_HOST.match(host):
        return path.removeprefix("/")
    if f"{path}/".startswith(f"/{BUCKET}/"):
        return path.removeprefix(f"/{BUCKET}").removeprefix("/")
    return None


def head_of(scope: Scope) -> RequestHead:
    headers = [(name.decode("latin-1"), value.decode(errors="replace")) for name, value in scope["headers"]]
    raw = scope.get("raw_path") or b""
    query = scope["query_string"].decode("latin-1")
    return RequestHead(scope["method"], raw.decode("latin-1"), query, headers, scope.get(PUBLIC_PATH, ""))


def authorize(head: RequestHead, session_tokens: SessionTokenSigner, key: str, now_s: float) -> AuthorizedRequest:
    """Raises `S3Error` unless the request is signed with valid credentials for object `key`."""
    authorization = read_authorization(head)
    check_time(authorization, now_s)
    session = session_tokens.verify(authorization.token)
    if not authorization.token:
        raise S3Error("InvalidAccessKeyId", "The credentials are temporary: also send the session token.")
    if session is None:
        raise S3Error("InvalidToken", "The provided token is malformed or otherwise invalid.")
    if authorization.access_key != session.access_key:
        raise S3Error("InvalidAccessKeyId", "The access key is not the one that belongs to the session token.")
    chain = verify(head, authorization, session.secret_key)
    if now_s >= session.grant.expires_s:
        raise S3Error("ExpiredToken", "The provided token has expired. Ask for another with POST /upload/sts/token.")
    if key != session.grant.object_key:
        raise S3Error("AccessDenied", "The credentials were issued for another object.")
    return AuthorizedRequest(session.grant, authorization, chain)
