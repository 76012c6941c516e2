"""The routes of the v2 face."""

import asyncio
import hashlib
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from pydantic import BaseModel, Field, StrictStr, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from limner.api.face import Face
from limner.api.operation import Endpoint, Operation
from limner.api.pace import Pace
from limner.api.v2 import openapi
from limner.api.v2.task import task_body
from limner.api.v2.wire import read_object, read_task
from limner.application.read import Seen
from limner.application.submit import Idempotency
from limner.domain.ids import TaskId
from limner.domain.refusal import Code, Refusal
from limner.ports.records import Key

PREFIX = "/v2/openapi"
SERVED_BY = "X-Limner-Served-By"
LARGE = 256 * 1024
"""Bodies from this size on are parsed in a thread: the loop has others to serve."""


class Batch(BaseModel):
    """Several tasks at once."""

    task_ids: list[StrictStr] = Field(min_length=1, max_length=100)


def operations(face: Face) -> list[Operation]:
    """The table of the face; the calls that clients make most stand first."""
    handle = Handlers(face, Pace(face.uploads_per_second, "uploads"))

    def operation(method: str, path: str, endpoint: Endpoint, summary: str, described: Mapping[str, Any]) -> Operation:
        return Operation(method, PREFIX + path, endpoint, "v2", summary, described)

    return [
        operation("GET", "/task/{task_id}", handle.read, "Read a task", openapi.READ),
        operation("POST", "/task", handle.create, "Create a task", openapi.CREATE),
        operation("POST", "/task/batch", handle.read_batch, "Read several tasks", openapi.BATCH),
        operation("POST", "/task/{task_id}/cancel", handle.cancel, "Cancel a task", openapi.CANCEL),
        operation("POST", "/upload", handle.upload, "Upload a picture", openapi.UPLOAD),
        operation("POST", "/upload/sts", handle.upload, "Upload a picture (the newer path)", openapi.UPLOAD),
        operation("GET", "/user/balance", handle.balance, "Credits to spend, and credits held", openapi.BALANCE),
        operation("GET", "/user/wallet/balance", handle.balance, "The same, by its other name", openapi.BALANCE),
    ]


@dataclass(frozen=True, slots=True)
class Handlers:
    """One method a call of the wire."""

    face: Face
    upload_pace: Pace

    async def create(self, request: Request) -> Response:
        key = await self._key(request, "generate")
        body = await request.body()
        wish = await asyncio.to_thread(read_task, body) if len(body) > LARGE else read_task(body)
        made = await self.face.submit(key, wish, idempotency=_idempotency(request, body))
        replay = {"Idempotency-Replayed": "true"} if made.replayed else {}
        return _success({"task_id": made.task}, {SERVED_BY: made.provider} | replay)

    async def read(self, request: Request) -> Response:
        key = await self._key(request, "read")
        seen = await self.face.read(key.account, TaskId(request.path_params["task_id"]))
        return self._task(key, seen)

    async def read_batch(self, request: Request) -> Response:
        key = await self._key(request, "read")
        wanted = _read_batch(await request.body()).task_ids
        found = await self.face.read.many(key.account, [TaskId(each) for each in wanted])
        tasks = {seen.task.id: self._body(key, seen) for seen in found}
        return _success({"tasks": tasks, "missed": [each for each in dict.fromkeys(wanted) if each not in tasks]})

    async def cancel(self, request: Request) -> Response:
        key = await self._key(request, "generate")
        task_id = TaskId(request.path_params["task_id"])
        await self.face.cancel(key.account, task_id)
        return self._task(key, await self.face.read(key.account, task_id))

    async def upload(self, request: Request) -> Response:
        key = await self._key(request, "generate")
        self.upload_pace.check(key.account, self.face.clock.now_ms())
        path = await _receive_file(request, self.face.scratch)
        try:
            kept = await self.face.upload(key, path)
        except Refusal as refusal:
            raise refusal.at("file") from None
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        return _success({"image_token": kept.token})

    async def balance(self, request: Request) -> Response:
        key = await self._key(request, "read")
        has = await self.face.store.read(lambda records: records.accounts.balance(key.account))
        return _success({"balance": has.available, "frozen": has.frozen})

    async def _key(self, request: Request, scope: str) -> Key:
        return await self.face.authenticate(request.headers.get("authorization"), scope)

    def _task(self, key: Key, seen: Seen) -> Response:
        return _success(self._body(key, seen), {SERVED_BY: self._provider(seen)})

    def _body(self, key: Key, seen: Seen) -> dict[str, Any]:
        return task_body(seen, key.account_tag, self.face.links, self.face.clock.now_ms())

    def _provider(self, seen: Seen) -> str:
        """What served the task, or would serve it now."""
        served_by = seen.task.served_by or {}
        return str(served_by.get("provider") or self.face.routing.served_by(seen.task.model))


def _success(data: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps({"code": 0, "data": data}), 200, headers, "application/json")


def _read_batch(body: bytes) -> Batch:
    try:
        return Batch.model_validate(read_object(body))
    except ValidationError:
        raise Refusal(
            Code.INVALID,
            "task_ids is not a list of 1 to 100 task ids",
            suggestion='Send {"task_ids": ["…"]} with at most 100 ids.',
            field="task_ids",
        ) from None


def _idempotency(request: Request, body: bytes) -> Idempotency | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= 255 or not all("!" <= each <= "~" for each in key):
        raise Refusal(
            Code.INVALID,
            "the Idempotency-Key is not 1 to 255 visible ASCII characters",
            suggestion="Use a UUID, a new one for each new request.",
            field="Idempotency-Key",
        )
    return Idempotency(key, hashlib.sha256(request.url.path.encode() + b"\0" + body).hexdigest())


async def _receive_file(request: Request, scratch: Path) -> Path:
    """The uploaded file, in a scratch file of its own."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise _not_multipart("the body is not multipart/form-data")
    path = scratch / f"upload-{uuid.uuid4()}"
    try:
        async with request.form(max_files=1, max_fields=20) as form:
            part = form.get("file")
            if not isinstance(part, UploadFile):
                raise _not_multipart("there is no file part named 'file'")
            await asyncio.to_thread(_copy, part.file, path)
    except HTTPException as error:
        raise _not_multipart(str(error.detail)) from None
    return path


def _copy(source: BinaryIO, path: Path) -> None:
    with path.open("wb") as target:
        shutil.copyfileobj(source, target, 1024 * 1024)


def _not_multipart(reason: str) -> Refusal:
    return Refusal(
        Code.MALFORMED,
        reason,
        suggestion="Send multipart/form-data with the picture as the one file, in a part named `file`.",
        field="file",
    )
