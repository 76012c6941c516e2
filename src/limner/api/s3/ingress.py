"""Middleware that routes requests for the bucket to the S3 API."""

from starlette.datastructures import Headers
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limner.api.http.middleware import MAX_DISCARDED
from limner.api.s3.bucket import UploadBucket
from limner.api.s3.errors import S3Error, answer, from_refusal
from limner.api.s3.request import Request, authorize, head_of, object_of
from limner.application.images.object_uploads import NamedUpload
from limner.domain.refusal import Refusal, TooSlow
from limner.ports.acting_account import act_for


class S3Middleware:
    """Answers requests for the bucket; passes all others to `app`."""

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
        if not await body.discard_rest(expected="expect" in Headers(scope=scope)):
            response.headers["Connection"] = "close"
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, key: str, body: "StreamedBody") -> Response:
        try:
            return await self._bucket(await self._authorized(scope, key, body))
        except S3Error as error:
            return refused(scope, error)
        except TooSlow:
            raise  # BodyTimeout answers it
        except Refusal as refusal:
            return refused(scope, from_refusal(refusal))

    async def _authorized(self, scope: Scope, key: str, body: "StreamedBody") -> Request:
        head = head_of(scope)
        authorized = authorize(head, self._bucket.session_tokens, key, self._bucket.clock.now_ms() / 1000)
        owner = await self._bucket.find_owner(authorized.grant)
        if owner is None:
            raise S3Error("InvalidAccessKeyId", "The API key that the credentials were issued to is not in force.")
        act_for(owner.id)
        name = NamedUpload(owner, authorized.grant.token, authorized.grant.object_key)
        return Request(head, authorized, name, HttpRequest(scope, body.receive))


def refused(scope: Scope, error: S3Error) -> Response:
    if scope["method"] == "HEAD":
        return Response(status_code=error.status)
    return answer(error, str(scope["path"]), str(scope.get("trace", "")))


class StreamedBody:
    """A request body that records whether it was requested and fully read."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._asked = False
        self._ended = False

    async def receive(self) -> Message:
        self._asked = True
        message = await self._receive()
        self._ended = message["type"] != "http.request" or not message.get("more_body")
        return message

    async def discard_rest(self, *, expected: bool) -> bool:
        """Discard the unread rest, up to `MAX_DISCARDED` bytes; whether the body has ended.

        With `expected` (Expect: 100-continue) a body that was never requested is left unread.
        """
        if expected and not self._asked:
            return False
        left = MAX_DISCARDED
        while not self._ended and left > 0:
            left -= len((await self.receive()).get("body", b""))
        return self._ended
