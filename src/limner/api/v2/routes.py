"""The routes of the v2 API."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.authentication import caller
from limner.api.http.bodies.file_body import received_file
from limner.api.http.bodies.json_body import parse
from limner.api.http.idempotency import idempotency, replayed
from limner.api.http.operation import Endpoint, Operation
from limner.api.http.prefer_wait import wait_as_preferred
from limner.api.http.rate_limits import RequestRate
from limner.api.library import routes as library
from limner.api.library.face import ApiFace
from limner.api.service_container import SERVED_BY, Services
from limner.api.tripo.lenient_read import read_leniently
from limner.api.tripo.model_list import model_list
from limner.api.tripo.quote_body import quote_body
from limner.api.tripo.task_batch import read_ids
from limner.api.v2 import openapi, watch
from limner.api.v2.errors import problem
from limner.api.v2.task import task_body
from limner.api.v2.wire import PROMPT_LIMIT, read_task, read_upload_format
from limner.application.read import TaskView
from limner.application.tasks.submit import Submitted
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId
from limner.domain.refusal import Problems
from limner.domain.tasks.task import Status

PREFIX = "/v2/openapi"

Row = Callable[[str, str, Endpoint, str, Mapping[str, Any]], Operation]


def operations(services: Services) -> list[Operation]:
    """All v2 operations, the most frequent first: routes are matched in order."""
    handle = V2Handlers(services)

    def row(scope: str | None, rate: RequestRate | None = None) -> Row:
        def operation(
            method: str, path: str, endpoint: Endpoint, summary: str, described: Mapping[str, Any]
        ) -> Operation:
            return Operation(method, PREFIX + path, endpoint, "v2", summary, described, scope, rate)

        return operation

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
        reads("GET", "/user/wallet/balance", handle.balance, "The same, by its other name", openapi.BALANCE),
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
        success=_success,
        task_schema="Task",
        described=openapi.operation,
    )


@dataclass(frozen=True, slots=True)
class V2Handlers:
    """Request handlers, one method per operation."""

    services: Services

    async def create(self, request: Request) -> Response:
        created = await self._submit(request)
        data, headers = {"task_id": created.task}, {SERVED_BY: created.provider} | replayed(created)
        waited = await wait_as_preferred(request, self.services.wait_for_end, created.task)
        if waited.ended:
            data = self.body(caller(request), waited.ended)
            headers |= self.services.served_by(waited.ended)
        return _success(data, headers | waited.headers)

    async def _submit(self, request: Request) -> Submitted:
        task_request, body = await parse(request, read_task)
        return await self.services.submit(caller(request), task_request, idempotency=idempotency(request, body))

    async def quote(self, request: Request) -> Response:
        problems = Problems(collect=True)
        task_request, _ = await parse(request, lambda body: read_leniently(read_task, body, problems))
        quoted = await self.services.quote(caller(request), task_request, problems=problems, prompt_limit=PROMPT_LIMIT)
        return _success(quote_body(quoted, problem))

    async def read(self, request: Request) -> Response:
        key = caller(request)
        seen = await self.services.read(key.account, TaskId(request.path_params["task_id"]))
        return self._task(key, seen)

    async def read_batch(self, request: Request) -> Response:
        key = caller(request)
        wanted, _ = await parse(request, read_ids)
        found = await self.services.read.many(key.account, wanted)
        tasks = {seen.task.id: self.body(key, seen) for seen in found}
        return _success({"tasks": tasks, "missed": [each for each in wanted if each not in tasks]})

    async def cancel(self, request: Request) -> Response:
        key = caller(request)
        task_id = TaskId(request.path_params["task_id"])
        await self.services.cancel(key.account, task_id)
        return self._task(key, await self.services.read(key.account, task_id))

    async def upload(self, request: Request) -> Response:
        key = caller(request)
        async with received_file(request, self.services.scratch) as path:
            kept = await self.services.upload(key, path)
        return _success({"image_token": kept.token})

    async def credentials(self, request: Request) -> Response:
        key = caller(request)
        media_type, _ = await parse(request, read_upload_format)
        created = self.services.issue_credentials(key, media_type)
        return _success(
            {
                "s3_host": created.host,
                "resource_bucket": created.bucket,
                "resource_uri": created.object_key,
                "session_token": created.session_token,
                "sts_ak": created.access_key,
                "sts_sk": created.secret_key,
            }
        )

    async def models(self, _request: Request) -> Response:
        return _success(model_list(self.services))

    async def balance(self, request: Request) -> Response:
        key = caller(request)
        has = await self.services.store.read(lambda records: records.accounts.balance(key.account))
        return _success({"balance": has.available, "frozen": has.frozen})

    def _task(self, key: Key, seen: TaskView) -> Response:
        return _success(self.body(key, seen), self.services.served_by(seen))

    def body(self, key: Key, seen: TaskView) -> dict[str, Any]:
        """The task as v2 shows it."""
        return task_body(seen, key.account_tag, self.services.links, self.services.clock.now_ms())


def _success(data: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps({"code": 0, "data": data}), 200, headers, "application/json")
