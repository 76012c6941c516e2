"""The routes of the v2 API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.authentication import caller
from limner.api.http.bodies.file_body import received_file
from limner.api.http.bodies.json_body import parse
from limner.api.http.bodies.success import success
from limner.api.http.idempotency import idempotency
from limner.api.http.operation import Operation, OperationTable
from limner.api.library import routes as library
from limner.api.library.face import ApiFace
from limner.api.service_container import Services
from limner.api.tripo.lenient_read import read_leniently
from limner.api.tripo.quote_body import quote_body
from limner.api.tripo.task_handlers import TaskHandlers, s3_fields
from limner.api.v2 import openapi, watch
from limner.api.v2.errors import problem
from limner.api.v2.task import task_body
from limner.api.v2.wire import read_task, read_upload_format
from limner.application.read import TaskView
from limner.application.tasks.submit import Submitted
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId
from limner.domain.refusal import Problems
from limner.domain.tasks.task import Status

PREFIX = "/v2/openapi"


def operations(services: Services) -> list[Operation]:
    """All v2 operations, the most frequent first: routes are matched in order."""
    handle, row = V2Handlers(services), OperationTable("v2", PREFIX).row
    reads, changes = row("read"), row("generate")
    creates, uploads = row("generate", services.create_rate), row("generate", services.upload_rate)
    return [
        reads("GET", "/task/{task_id}", handle.read, "Read a task", openapi.READ),
        creates("POST", "/task", handle.create, "Create a task", openapi.CREATE),
        reads("POST", "/task/quote", handle.quote, "Quote a task, and tell its problems", openapi.QUOTE),
        reads("POST", "/task/batch", handle.read_batch, "Read several tasks", openapi.BATCH),
        changes("POST", "/task/{task_id}/cancel", handle.cancel, "Cancel a task", openapi.CANCEL),
        uploads("POST", "/upload", handle.upload, "Upload a picture", openapi.UPLOAD),
        uploads("POST", "/upload/sts", handle.upload, "Upload a picture (the newer path)", openapi.UPLOAD),
        changes("POST", "/upload/sts/token", handle.credentials, "Get credentials to upload by S3", openapi.STS),
        reads("GET", "/models", handle.models, "The models that are served here", openapi.MODELS),
        reads("GET", "/user/balance", handle.balance, "Credits to spend, and credits held", openapi.BALANCE),
        reads("GET", "/user/wallet/balance", handle.balance, "Credits, by their other path", openapi.BALANCE),
        *library.operations(services, _face(handle)),
        *watch.operations(PREFIX),
    ]


def _face(handle: "V2Handlers") -> ApiFace:
    return ApiFace(
        tag="v2",
        prefix=PREFIX,
        list_path="/tasks",
        tasks_path="/tasks",
        task_path="/task/{task_id}",
        statuses={status.value: (status,) for status in Status},
        moment=lambda ms: ms // 1000,
        moment_suffix="_time",
        task_body=handle.body,
        success=handle.success,
        task_schema="Task",
        described=openapi.operation,
    )


@dataclass(frozen=True, slots=True)
class V2Handlers(TaskHandlers):
    """Request handlers, one method per operation."""

    async def create(self, request: Request) -> Response:
        created = await self._submit(request)
        return await self.answer_created(request, created, {"task_id": created.task})

    async def _submit(self, request: Request) -> Submitted:
        task_request, body = await parse(request, read_task)
        return await self.services.submit(caller(request), task_request, idempotency=await idempotency(request, body))

    async def quote(self, request: Request) -> Response:
        problems = Problems(collect=True)
        task_request, _ = await parse(request, lambda body: read_leniently(read_task, body, problems))
        quoted = await self.services.quote(caller(request), task_request, problems=problems)
        return self.success(quote_body(quoted, problem))

    async def cancel(self, request: Request) -> Response:
        key = caller(request)
        task_id = TaskId(request.path_params["task_id"])
        await self.services.cancel(key.account, task_id)
        return self.task(key, await self.services.read(key.account, task_id))

    async def upload(self, request: Request) -> Response:
        key = caller(request)
        async with received_file(request, self.services.scratch) as path:
            kept = await self.services.upload(key, path)
        return self.success({"image_token": kept.token})

    async def credentials(self, request: Request) -> Response:
        key = caller(request)
        media_type, _ = await parse(request, read_upload_format)
        return self.success(s3_fields(self.services.issue_credentials(key, media_type)))

    async def balance(self, request: Request) -> Response:
        key = caller(request)
        has = await self.services.store.read(lambda records: records.accounts.balance(key.account))
        return self.success({"balance": has.available, "frozen": has.frozen})

    def body(self, key: Key, seen: TaskView) -> dict[str, Any]:
        return task_body(seen, key.account_tag, self.services.links, self.services.clock.now_ms())

    def success(self, data: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
        return success(data, headers)
