"""The S3 operations: put the one object of the credentials, in one request or in parts."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

from limner.api.http.rate_limits import RequestRate
from limner.api.s3 import checksums
from limner.api.s3.errors import S3Error
from limner.api.s3.multipart import Multipart
from limner.api.s3.receive import receive
from limner.api.s3.request import Request
from limner.application.images.object_uploads import FindObject, TakeObject
from limner.application.images.upload_credentials import FindGrantOwner, SessionTokenSigner
from limner.ports.clock import Clock
from limner.ports.parts import UploadParts
from limner.scratch_paths import scratch_file

Call = Callable[[Request], Awaitable[Response]]

_IGNORED_PARAMETERS = ("x-amz-", "x-id")
"""Prefixes of query parameters that do not select an operation."""

_PAGING = {"max-parts", "part-number-marker", "encoding-type"}


@dataclass(frozen=True, slots=True)
class UploadBucket:
    """Dispatches S3 requests. `rate` limits how many uploads an account may begin."""

    session_tokens: SessionTokenSigner
    find_owner: FindGrantOwner
    take: TakeObject
    find: FindObject
    parts: UploadParts
    clock: Clock
    scratch: Path
    rate: RequestRate

    async def __call__(self, request: Request) -> Response:
        return await self._call(request)(request)

    def _call(self, request: Request) -> Call:
        parameters = {name for name in request.parameters if not name.lower().startswith(_IGNORED_PARAMETERS)} - _PAGING
        call = self._calls().get((request.head.method, *sorted(parameters)))
        if call is None or request.head.header("x-amz-copy-source") is not None:
            raise S3Error("AccessDenied", "The credentials only allow putting one object, in one request or in parts.")
        return call

    def _calls(self) -> Mapping[tuple[str, ...], Call]:
        """By method and parameters."""
        parts = Multipart(self.parts, self.take, self.find, self.scratch)
        return {
            ("PUT",): self._rate_limited(self.put),
            ("HEAD",): self.head,
            ("POST", "uploads"): self._rate_limited(parts.begin),
            ("PUT", "partNumber", "uploadId"): parts.put,
            ("POST", "uploadId"): self._guarded(parts.complete),
            ("DELETE", "uploadId"): parts.abort,
            ("GET", "uploadId"): parts.show,
        }

    async def put(self, request: Request) -> Response:
        declared = request.declared()
        async with scratch_file(self.scratch, "object") as path:
            received = await receive(request.body(), declared, path)
            etag = received.md5.hex()
            await self.take(request.name, path, etag)
        return Response(headers={"ETag": f'"{etag}"', **checksums.as_headers(received.checksums)})

    async def head(self, request: Request) -> Response:
        found = await self.find(request.name)
        if found is None:
            raise S3Error("NoSuchKey", "The specified key does not exist.")
        headers = {"ETag": f'"{found.etag}"', "Content-Length": str(found.size)}
        return Response(headers=headers, media_type=found.media_type)

    def _rate_limited(self, call: Call) -> Call:
        async def rate_limited(request: Request) -> Response:
            self.rate.check(request.name.owner.id, self.clock.now_ms())
            return await self._guarded(call)(request)

        return rate_limited

    def _guarded(self, call: Call) -> Call:
        """Refuse to overwrite an object when `If-None-Match` is sent."""

        async def guarded(request: Request) -> Response:
            if request.head.header("if-none-match") is not None and await self.find(request.name):
                raise S3Error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
            return await call(request)

        return guarded
