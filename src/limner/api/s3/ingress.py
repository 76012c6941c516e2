"""The way in to the bucket, before anything that speaks JSON."""

from starlette.datastructures import Headers
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limner.api.s3.bucket import UploadBucket
from limner.api.s3.errors import S3Error, answer, from_refusal
from limner.api.s3.request import Request, admit, head_of, object_of
from limner.application.images.object_uploads import NamedUpload
from limner.domain.refusal import Refusal, TooSlow

LARGEST_SWALLOWED = 64 * 1024 * 1024
"""How much of a refused body is read and thrown away, so that the sender hears why."""


class Ingress:
    """Answers what is meant for the bucket; everything else goes on to `app`."""

    def __init__(self, app: ASGIApp, bucket: UploadBucket) -> None:
        self._app = app
        self._bucket = bucket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = object_of(scope) if scope["type"] == "http" else None
        if key is None:
            await self._app(scope, receive, send)
            return
        body = StreamedBody(receive)
        response = await self._answer(scope, key, body)
        response.headers["x-amz-request-id"] = str(scope.get("trace", ""))
        if not await body.is_done(expected="expect" in Headers(scope=scope)):
            response.headers["Connection"] = "close"
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, key: str, body: "StreamedBody") -> Response:
        try:
            return await self._bucket(await self._admitted(scope, key, body))
        except S3Error as error:
            return refused(scope, error)
        except TooSlow:
            raise  # whoever keeps the time answers that
        except Refusal as refusal:
            return refused(scope, from_refusal(refusal))

    async def _admitted(self, scope: Scope, key: str, body: "StreamedBody") -> Request:
        head = head_of(scope)
        admitted = admit(head, self._bucket.seal, key, self._bucket.clock.now_ms() / 1000)
        owner = await self._bucket.find_owner(admitted.grant)
        if owner is None:
            raise S3Error("InvalidAccessKeyId", "The API key that the credentials were issued to is not in force.")
        name = NamedUpload(owner, admitted.grant.token, admitted.grant.object_key)
        return Request(head, admitted, name, HttpRequest(scope, body.receive))


def refused(scope: Scope, error: S3Error) -> Response:
    if scope["method"] == "HEAD":
        return Response(status_code=error.status)
    return answer(error, str(scope["path"]), str(scope.get("trace", "")))


class StreamedBody:
    """The body of a request, and how much of it was read."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._asked = False
        self._ended = False

    async def receive(self) -> Message:
        self._asked = True
        message = await self._receive()
        self._ended = message["type"] != "http.request" or not message.get("more_body")
        return message

    async def is_done(self, *, expected: bool) -> bool:
        """Read what is left, unless that is too much, or the sender still waits to be asked for it."""
        if expected and not self._asked:
            return False
        left = LARGEST_SWALLOWED
        while not self._ended and left > 0:
            left -= len((await self.receive()).get("body", b""))
        return self._ended
