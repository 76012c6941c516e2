"""One request to the bucket, signed, timely, and for the object it may write."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.types import Scope

from limner.api.s3.errors import S3Error
from limner.api.s3.receive import Promise, read_promise
from limner.api.s3.signature import Authorization, Chain, RequestHead, check_time, read_authorization, verify
from limner.application.images.object_uploads import NamedUpload
from limner.application.images.upload_credentials import Seal, UploadGrant
from limner.domain.upload import BUCKET

_IN_HOST = re.compile(rf"{re.escape(BUCKET)}\..+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AuthorizedRequest:
    """Who signed the request, and the start of the chain that signed frames continue."""

    grant: UploadGrant
    authorization: Authorization
    chain: Chain


@dataclass(frozen=True, slots=True)
class Request:
    head: RequestHead
    admitted: AuthorizedRequest
    name: NamedUpload
    http: HttpRequest

    @property
    def parameters(self) -> dict[str, str]:
        return self.head.parameters()

    def promise(self) -> Promise:
        return read_promise(self.head, self.admitted.authorization, self.admitted.chain)

    async def body(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self.http.stream():
                yield piece
        except ClientDisconnect:
            raise S3Error("IncompleteBody", "The upload broke off.") from None


def object_of(scope: Scope) -> str | None:
    """The key a request is about, empty for the bucket itself; None when it is not for the bucket.

    The bucket stands first in the path, or first in the name of the host.
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
    return RequestHead(scope["method"], raw.decode("latin-1"), scope["query_string"].decode("latin-1"), headers)


def admit(head: RequestHead, seal: Seal, key: str, now_s: float) -> AuthorizedRequest:
    """Raises `S3Error` unless the request is signed by credentials of ours that may write this object."""
    authorization = read_authorization(head)
    check_time(authorization, now_s)
    session = seal.open(authorization.token)
    if not authorization.token:
        raise S3Error("InvalidAccessKeyId", "The credentials are temporary: send their session token, too.")
    if session is None:
        raise S3Error("InvalidToken", "The provided token is malformed or otherwise invalid.")
    if authorization.access_key != session.access_key:
        raise S3Error("InvalidAccessKeyId", "The access key is not the one that belongs to the session token.")
    chain = verify(head, authorization, session.secret_key)
    if now_s >= session.grant.expires_s:
        raise S3Error("ExpiredToken", "The provided token has expired. Ask for another with POST /upload/sts/token.")
    if key != session.grant.object_key:
        raise S3Error("AccessDenied", "The credentials are for another object: each is for the one it was issued for.")
    return AuthorizedRequest(session.grant, authorization, chain)
