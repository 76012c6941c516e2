"""The routes of the v2 face."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.authentication import caller
from limner.api.http.file_body import received_file
from limner.api.http.idempotency import idempotency, replayed
from limner.api.http.json_body import parse
from limner.api.http.operation import Endpoint, Operation
from limner.api.http.rate_limits import RequestRate
from limner.api.service_container import SERVED_BY, Services
from limner.api.tripo.task_batch import read_ids
from limner.api.v2 import openapi, watch
from limner.api.v2.task import task_body
from limner.api.v2.wire import read_task, read_upload_format
from limner.application.read import TaskView
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId

PREFIX = "/v2/openapi"

Row = Callable[[str, str, Endpoint, str, Mapping[str, Any]], Operation]


def operations(face: Services) -> list[Operation]:
    """The table of the face; the calls that clients make most stand first."""
    handle = V2Handlers(face)

    def row(scope: str | None, pace: RequestRate | None = None) -> Row:
        def operation(method: str, path: str, endpoint: Endpoint, summary: str, told: Mapping[str, Any]) -> Operation:
            return Operation(method, PREFIX + path, endpoint, "v2", summary, told, scope, pace)

        return operation

    reads, changes = row("read"), row("generate")
    creates, uploads = row("generate", face.create_pace), row("generate", face.upload_pace)
    return [
        reads("GET", "/task/{task_id}", handle.read, "Read a task", openapi.READ),
        creates("POST", "/task", handle.create, "Create a task", openapi.CREATE),
        reads("POST", "/task/batch", handle.read_batch, "Read several tasks", openapi.BATCH),
        changes("POST", "/task/{task_id}/cancel", handle.cancel, "Cancel a task", openapi.CANCEL),
        uploads("POST", "/upload", handle.upload, "Upload a picture", openapi.UPLOAD),
        uploads("POST", "/upload/sts", handle.upload, "Upload a picture (the newer path)", openapi.UPLOAD),
        changes("POST", "/upload/sts/token", handle.credentials, "Get credentials to upload by S3", openapi.STS),
        reads("GET", "/user/balance", handle.balance, "Credits to spend, and credits held", openapi.BALANCE),
        reads("GET", "/user/wallet/balance", handle.balance, "The same, by its other name", openapi.BALANCE),
        *watch.operations(PREFIX),
    ]


@dataclass(frozen=True, slots=True)
class V2Handlers:
    """One method a call of the wire."""

    face: Services

    async def create(self, request: Request) -> Response:
        key = caller(request)
        wish, body = await parse(request, read_task)
        made = await self.face.submit(key, wish, idempotency=idempotency(request, body))
        return _success({"task_id": made.task}, {SERVED_BY: made.provider} | replayed(made))

    async def read(self, request: Request) -> Response:
        key = caller(request)
        seen = await self.face.read(key.account, TaskId(request.path_params["task_id"]))
        return self._task(key, seen)

    async def read_batch(self, request: Request) -> Response:
        key = caller(request)
        wanted, _ = await parse(request, read_ids)
        found = await self.face.read.many(key.account, wanted)
        tasks = {seen.task.id: self._body(key, seen) for seen in found}
        return _success({"tasks": tasks, "missed": [each for each in wanted if each not in tasks]})

    async def cancel(self, request: Request) -> Response:
        key = caller(request)
        task_id = TaskId(request.path_params["task_id"])
        await self.face.cancel(key.account, task_id)
        return self._task(key, await self.face.read(key.account, task_id))

    async def upload(self, request: Request) -> Response:
        key = caller(request)
        async with received_file(request, self.face.scratch) as path:
            kept = await self.face.upload(key, path)
        return _success({"image_token": kept.token})

    async def credentials(self, request: Request) -> Response:
        key = caller(request)
        media_type, _ = await parse(request, read_upload_format)
        made = self.face.issue_credentials(key, media_type)
        return _success(
            {
                "s3_host": made.host,
                "resource_bucket": made.bucket,
                "resource_uri": made.object_key,
                "session_token": made.session_token,
                "sts_ak": made.access_key,
                "sts_sk": made.secret_key,
            }
        )

    async def balance(self, request: Request) -> Response:
        key = caller(request)
        has = await self.face.store.read(lambda records: records.accounts.balance(key.account))
        return _success({"balance": has.available, "frozen": has.frozen})

    def _task(self, key: Key, seen: TaskView) -> Response:
        return _success(self._body(key, seen), self.face.served_by(seen))

    def _body(self, key: Key, seen: TaskView) -> dict[str, Any]:
        return task_body(seen, key.account_tag, self.face.links, self.face.clock.now_ms())


def _success(data: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps({"code": 0, "data": data}), 200, headers, "application/json")
