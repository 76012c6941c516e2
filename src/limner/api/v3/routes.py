"""The routes of the v3 API."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.authentication import caller
from limner.api.http.bodies.file_body import received_body, received_file
from limner.api.http.bodies.json_body import parse, read_object, validated
from limner.api.http.headers import media_type
from limner.api.http.idempotency import idempotency
from limner.api.http.operation import Endpoint, Operation, OperationRow, OperationTable
from limner.api.library import routes as library
from limner.api.library.face import ApiFace
from limner.api.service_container import Services
from limner.api.signed_link import check_link
from limner.api.tripo.lenient_read import read_leniently
from limner.api.tripo.quote_body import quote_body
from limner.api.tripo.task_handlers import TaskHandlers, s3_fields
from limner.api.v3 import openapi
from limner.api.v3.errors import problem
from limner.api.v3.page import read_page
from limner.api.v3.task import STATUSES, moment, status_of, task_body, usage_row
from limner.api.v3.wire import (
    PROMPT_RULES,
    CredentialsRequest,
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
from limner.application.tasks.submit import Submitted
from limner.db.tables.keys import Key
from limner.domain.ids import KeyId, UploadToken
from limner.domain.refusal import Code, Problems, Refusal
from limner.domain.tasks.request import TaskType
from limner.domain.tasks.task import Status
from limner.domain.upload import FORMATS, token_of
from limner.ports.acting_account import act_for

PREFIX = "/v3"


def operations(services: Services) -> list[Operation]:
    """All v3 operations, the most frequent first: routes are matched in order."""
    handle, row = V3Handlers(services), OperationTable("v3", PREFIX).row
    reads, public = row("read"), row(None)
    creates, uploads = row("generate", services.create_rate), row("generate", services.upload_rate)
    text, image = handle.creating(read_text_to_image), handle.creating(read_image_to_image)
    views, edit = handle.creating(read_image_to_multiview), handle.creating(read_edit_multiview)
    return [
        *library.operations(services, _face(handle)),
        reads("GET", "/tasks/{task_id}", handle.read, "Read a task", openapi.READ),
        reads("POST", "/tasks/list", handle.list_tasks, "Read several tasks", openapi.LIST),
        creates("POST", "/generation/text-to-image", text, "Make a picture from words", openapi.TEXT_TO_IMAGE),
        creates("POST", "/generation/image-to-image", image, "Make a picture from pictures", openapi.IMAGE_TO_IMAGE),
        creates("POST", "/generation/image-to-multiview", views, "Show a subject from four sides", openapi.VIEWS),
        creates("POST", "/generation/edit-multiview", edit, "Change some of the four sides", openapi.EDITED_VIEWS),
        *_quotes(reads, handle),
        uploads("POST", "/files", handle.upload, "Upload a picture", openapi.UPLOAD),
        uploads("POST", "/files/presign", handle.presign, "Get a link that takes a picture", openapi.PRESIGN),
        uploads("POST", "/files/upload-credentials", handle.credentials, "Get a link or S3 keys", openapi.CREDENTIALS),
        public("PUT", "/files/{tag}/{token}", handle.take, "Upload a picture to a presigned link", openapi.TAKE),
        reads("GET", "/models", handle.models, "The models that are served here", openapi.MODELS),
        reads("GET", "/account/balance", handle.balance, "Credits to spend, and credits held", openapi.BALANCE),
        reads("GET", "/account/usage", handle.usage, "Tasks and what they cost, the newest first", openapi.USAGE),
    ]


def _quotes(reads: OperationRow, handle: "V3Handlers") -> list[Operation]:
    kinds: list[tuple[str, ReadRequest, Mapping[str, Any]]] = [
        ("text-to-image", read_text_to_image, openapi.QUOTED_TEXT_TO_IMAGE),
        ("image-to-image", read_image_to_image, openapi.QUOTED_IMAGE_TO_IMAGE),
        ("image-to-multiview", read_image_to_multiview, openapi.QUOTED_VIEWS),
        ("edit-multiview", read_edit_multiview, openapi.QUOTED_EDITED_VIEWS),
    ]
    return [
        reads("POST", f"/generation/{kind}/quote", handle.quoting(read), f"Quote a task of {kind}", described)
        for kind, read, described in kinds
    ]


def _face(handle: "V3Handlers") -> ApiFace:
    return ApiFace(
        tag="v3",
        prefix=PREFIX,
        list_path="/tasks/list",
        tasks_path="/tasks",
        task_path="/tasks/{task_id}",
        statuses={shown: tuple(each for each in Status if status_of(each) is shown) for shown in STATUSES},
        moment=moment,
        moment_suffix="_at",
        task_body=handle.body,
        success=handle.success,
        task_schema="V3Task",
        described=openapi.keyed,
    )


@dataclass(frozen=True, slots=True)
class V3Handlers(TaskHandlers):
    """Request handlers, one method per operation."""

    def creating(self, read: ReadRequest) -> Endpoint:
        """A handler that creates the task that `read` parses from the body."""

        async def create(request: Request) -> Response:
            _check_json(request)
            created, kind = await self._submit(request, read)
            data = {"task_id": created.task, "type": kind, "status": Status.QUEUED}
            return await self.answer_created(request, created, data)

        return create

    def quoting(self, read: ReadRequest) -> Endpoint:
        """A handler that quotes the task that `read` parses from the body."""

        async def quote(request: Request) -> Response:
            _check_json(request)
            problems, models = Problems(collect=True), self.services.routing.models
            reading = partial(read_leniently, lambda body: read(body, models), problems=problems)
            task_request, _ = await parse(request, reading)
            quoted = await self.services.quote(
                caller(request), task_request, problems=problems, prompt_rules=PROMPT_RULES
            )
            return self.success(quote_body(quoted, problem))

        return quote

    async def _submit(self, request: Request, read: ReadRequest) -> tuple[Submitted, TaskType]:
        task_request, body = await parse(request, lambda body: read(body, self.services.routing.models))
        kept = await idempotency(request, body)
        submit = self.services.submit
        created = await submit(caller(request), task_request, idempotency=kept, prompt_rules=PROMPT_RULES)
        return created, task_request.type

    async def list_tasks(self, request: Request) -> Response:
        _check_json(request)
        return await self.read_batch(request)

    async def upload(self, request: Request) -> Response:
        key = caller(request)
        async with received_file(request, self.services.scratch) as path:
            kept = await self.services.upload(key, path)
        return self.success({"file_token": file_token(kept.token)})

    async def presign(self, request: Request) -> Response:
        key = caller(request)
        _check_json(request)
        await parse(request, lambda body: validated(PictureFormat, read_object(body)))
        created = self.services.presign(key)
        token = file_token(created.token)
        links = {"presigned_url": created.url, "upload_url": created.url}
        return self.success({**links, "file_token": token, "expires_in": LIFE_S})

    async def credentials(self, request: Request) -> Response:
        """Credentials for an S3 client and a link for PUT, both for the same upload token."""
        key = caller(request)
        _check_json(request)
        task_request, _ = await parse(request, lambda body: validated(CredentialsRequest, read_object(body or b"{}")))
        created = self.services.issue_credentials(key, FORMATS[task_request.format])
        link = self.services.presign(key, token_of(created.object_key))
        return self.success(
            {
                "file_token": file_token(link.token),
                "upload_url": link.url,
                "expires_at": moment(min(link.expires_s, created.expires_s) * 1000),
                **s3_fields(created),
            }
        )

    async def take(self, request: Request) -> Response:
        """Receive the picture of a presigned link, without an API key."""
        key, token = KeyId(request.query_params.get("key", "")), UploadToken(request.path_params["token"])
        check_link(self.services, request, "Request a new link with POST /v3/files/presign.", key)
        owner = await self.services.take_presigned.owner(key, token)
        act_for(owner.id)
        self.services.upload_rate.check(owner.id, self.services.clock.now_ms())
        async with received_body(request, self.services.scratch) as path:
            kept = await self.services.take_presigned(owner, token, path)
        return self.success({"file_token": file_token(kept.token)})

    async def balance(self, request: Request) -> Response:
        key = caller(request)
        has = await self.services.store.read(lambda records: records.accounts.balance(key.account))
        return self.success({"balance": float(has.available), "frozen": float(has.frozen)})

    async def usage(self, request: Request) -> Response:
        """A bare JSON list, the one shape that all clients read."""
        key = caller(request)
        page = read_page(request)
        tasks = await self.services.read.page(key.account, page.limit, page.offset)
        return _success([usage_row(task) for task in tasks])

    def body(self, key: Key, seen: TaskView) -> dict[str, Any]:
        return task_body(seen.task, key.account_tag, self.services.links, self.services.clock.now_ms())

    def success(self, data: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
        return _success(data, headers)


def _success(data: dict[str, Any] | list[Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps({"code": 0, "status": "success", "data": data}), 200, headers, "application/json")


def _check_json(request: Request) -> None:
    kind = media_type(request.headers) or "application/json"
    if kind != "application/json":
        raise Refusal(
            Code.MALFORMED,
            f"the Content-Type is {kind[:100]!r}",
            suggestion="Send JSON, with Content-Type: application/json.",
        )
