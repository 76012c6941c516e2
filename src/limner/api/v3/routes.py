"""The routes of the v3 face."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.authentication import caller
from limner.api.http.file_body import received_body, received_file
from limner.api.http.idempotency import idempotency, replayed
from limner.api.http.json_body import parse, read_object, validated
from limner.api.http.operation import Endpoint, Operation
from limner.api.http.rate_limits import RequestRate
from limner.api.service_container import SERVED_BY, Services
from limner.api.signed_link import check_link
from limner.api.tripo.task_batch import read_ids
from limner.api.v3 import openapi
from limner.api.v3.page import read_page
from limner.api.v3.task import moment, task_body, usage_row
from limner.api.v3.wire import (
    PROMPT_LIMIT,
    CredentialsWish,
    PictureFormat,
    ReadRequest,
    file_token,
    read_edit_multiview,
    read_image_to_image,
    read_image_to_multiview,
    read_text_to_image,
)
from limner.application.images.presign import LIFE_S
from limner.application.read import TaskView
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId, UploadToken
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.task import Status
from limner.domain.upload import FORMATS, token_of

PREFIX = "/v3"

Row = Callable[[str, str, Endpoint, str, Mapping[str, Any]], Operation]


def operations(face: Services) -> list[Operation]:
    """The table of the face; the calls that clients make most stand first."""
    handle = V3Handlers(face)

    def row(scope: str | None, pace: RequestRate | None = None) -> Row:
        def operation(method: str, path: str, endpoint: Endpoint, summary: str, told: Mapping[str, Any]) -> Operation:
            return Operation(method, PREFIX + path, endpoint, "v3", summary, told, scope, pace)

        return operation

    reads, anybody = row("read"), row(None)
    creates, uploads = row("generate", face.create_pace), row("generate", face.upload_pace)
    text, image = handle.creating(read_text_to_image), handle.creating(read_image_to_image)
    views, edit = handle.creating(read_image_to_multiview), handle.creating(read_edit_multiview)
    return [
        reads("GET", "/tasks/{task_id}", handle.read, "Read a task", openapi.READ),
        reads("POST", "/tasks/list", handle.read_batch, "Read several tasks", openapi.LIST),
        creates("POST", "/generation/text-to-image", text, "Make a picture from words", openapi.TEXT_TO_IMAGE),
        creates("POST", "/generation/image-to-image", image, "Make a picture from pictures", openapi.IMAGE_TO_IMAGE),
        creates("POST", "/generation/image-to-multiview", views, "Show a subject from four sides", openapi.VIEWS),
        creates("POST", "/generation/edit-multiview", edit, "Change some of the four sides", openapi.EDITED_VIEWS),
        uploads("POST", "/files", handle.upload, "Upload a picture", openapi.UPLOAD),
        uploads("POST", "/files/presign", handle.presign, "Get a link that takes a picture", openapi.PRESIGN),
        uploads("POST", "/files/upload-credentials", handle.credentials, "The same, and for S3", openapi.CREDENTIALS),
        anybody("PUT", "/files/{tag}/{token}", handle.take, "Hand in a picture by its link", openapi.TAKE),
        reads("GET", "/account/balance", handle.balance, "Credits to spend, and credits held", openapi.BALANCE),
        reads("GET", "/account/usage", handle.usage, "Tasks and what they cost, the newest first", openapi.USAGE),
    ]


@dataclass(frozen=True, slots=True)
class V3Handlers:
    """One method a call of the wire."""

    face: Services

    def creating(self, read: ReadRequest) -> Endpoint:
        """The call that creates what `read` finds in a body."""

        async def create(request: Request) -> Response:
            key = caller(request)
            _check_json(request)
            wish, body = await parse(request, read)
            kept = idempotency(request, body)
            made = await self.face.submit(key, wish, idempotency=kept, prompt_limit=PROMPT_LIMIT)
            data = {"task_id": made.task, "type": wish.type, "status": Status.QUEUED}
            return _success(data, {SERVED_BY: made.provider} | replayed(made))

        return create

    async def read(self, request: Request) -> Response:
        key = caller(request)
        seen = await self.face.read(key.account, TaskId(request.path_params["task_id"]))
        return _success(self._body(key, seen), self.face.served_by(seen))

    async def read_batch(self, request: Request) -> Response:
        key = caller(request)
        _check_json(request)
        wanted, _ = await parse(request, read_ids)
        found = await self.face.read.many(key.account, wanted)
        tasks = {seen.task.id: self._body(key, seen) for seen in found}
        return _success({"tasks": tasks, "missed": [each for each in wanted if each not in tasks]})

    async def upload(self, request: Request) -> Response:
        key = caller(request)
        async with received_file(request, self.face.scratch) as path:
            kept = await self.face.upload(key, path)
        return _success({"file_token": file_token(kept.token)})

    async def presign(self, request: Request) -> Response:
        key = caller(request)
        _check_json(request)
        await parse(request, lambda body: validated(PictureFormat, read_object(body)))
        made = self.face.presign(key)
        token = file_token(made.token)
        links = {"presigned_url": made.url, "upload_url": made.url}
        return _success({**links, "file_token": token, "expires_in": LIFE_S})

    async def credentials(self, request: Request) -> Response:
        """Two ways to hand in one picture: an S3 client with these credentials, or PUT to the link."""
        key = caller(request)
        _check_json(request)
        wish, _ = await parse(request, lambda body: validated(CredentialsWish, read_object(body or b"{}")))
        made = self.face.issue_credentials(key, FORMATS[wish.format])
        link = self.face.presign(key, token_of(made.object_key))
        return _success(
            {
                "file_token": file_token(link.token),
                "upload_url": link.url,
                "expires_at": moment(min(link.expires_s, made.expires_s) * 1000),
                "s3_host": made.host,
                "resource_bucket": made.bucket,
                "resource_uri": made.object_key,
                "session_token": made.session_token,
                "sts_ak": made.access_key,
                "sts_sk": made.secret_key,
            }
        )

    async def take(self, request: Request) -> Response:
        """Takes a picture from whoever has its link."""
        check_link(self.face, request, "Ask for a new link with POST /v3/files/presign.")
        token = UploadToken(request.path_params["token"])
        owner = await self.face.take_presigned.owner(request.path_params["tag"], token)
        self.face.upload_pace.check(owner.id, self.face.clock.now_ms())
        async with received_body(request, self.face.scratch) as path:
            kept = await self.face.take_presigned(owner, token, path)
        return _success({"file_token": file_token(kept.token)})

    async def balance(self, request: Request) -> Response:
        key = caller(request)
        has = await self.face.store.read(lambda records: records.accounts.balance(key.account))
        return _success({"balance": float(has.available), "frozen": float(has.frozen)})

    async def usage(self, request: Request) -> Response:
        """Rows in a bare list: some clients know no other shape, and the rest take it too."""
        key = caller(request)
        page = read_page(request)
        tasks = await self.face.read.page(key.account, page.limit, page.offset)
        return _success([usage_row(task) for task in tasks])

    def _body(self, key: Key, seen: TaskView) -> dict[str, Any]:
        return task_body(seen.task, key.account_tag, self.face.links, self.face.clock.now_ms())


def _success(data: dict[str, Any] | list[Any], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps({"code": 0, "status": "success", "data": data}), 200, headers, "application/json")


def _check_json(request: Request) -> None:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(
            Code.MALFORMED,
            f"the Content-Type is {kind[:100]!r}",
            suggestion="Send JSON, with Content-Type: application/json.",
        )
