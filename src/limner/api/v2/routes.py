"""The routes of the v2 face."""

import asyncio
import hashlib
import shutil
import uuid
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, Field, StrictStr, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from limner.api.face import Face
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


def routes(face: Face) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["v2"])
    upload_pace = Pace(face.uploads_per_second, "uploads")

    @router.post("/task", summary="Create a task", **openapi.CREATE)
    async def create_task(request: Request) -> Response:
        key = await face.authenticate(request.headers.get("authorization"), "generate")
        body = await request.body()
        wish = await asyncio.to_thread(read_task, body) if len(body) > LARGE else read_task(body)
        made = await face.submit(key, wish, idempotency=_idempotency(request, body))
        headers = {SERVED_BY: made.provider} | ({"Idempotency-Replayed": "true"} if made.replayed else {})
        return _success({"task_id": made.task}, headers)

    @router.get("/task/{task_id}", summary="Read a task", **openapi.READ)
    async def get_task(request: Request, task_id: str) -> Response:
        key = await face.authenticate(request.headers.get("authorization"), "read")
        seen = await face.read(key.account, TaskId(task_id))
        return _success(_body(face, key, seen), {SERVED_BY: _provider(face, seen)})

    @router.post("/task/batch", summary="Read several tasks", **openapi.BATCH)
    async def get_tasks(request: Request) -> Response:
        key = await face.authenticate(request.headers.get("authorization"), "read")
        wanted = _read_batch(await request.body()).task_ids
        found = {seen.task.id: _body(face, key, seen) for seen in await face.read.many(key.account, _ids(wanted))}
        return _success({"tasks": found, "missed": [each for each in dict.fromkeys(wanted) if each not in found]})

    @router.post("/task/{task_id}/cancel", summary="Cancel a task", **openapi.CANCEL)
    async def cancel_task(request: Request, task_id: str) -> Response:
        key = await face.authenticate(request.headers.get("authorization"), "generate")
        await face.cancel(key.account, TaskId(task_id))
        seen = await face.read(key.account, TaskId(task_id))
        return _success(_body(face, key, seen))

    async def upload(request: Request) -> Response:
        key = await face.authenticate(request.headers.get("authorization"), "generate")
        upload_pace.check(key.account, face.clock.now_ms())
        path = await _receive_file(request, face.scratch)
        try:
            kept = await face.upload(key, path)
        except Refusal as refusal:
            raise refusal.at("file") from None
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        return _success({"image_token": kept.token})

    router.post("/upload", summary="Upload a picture", **openapi.UPLOAD)(upload)
    router.post("/upload/sts", summary="Upload a picture (the newer path)", **openapi.UPLOAD)(upload)

    async def balance(request: Request) -> Response:
        key = await face.authenticate(request.headers.get("authorization"), "read")
        has = await face.store.read(lambda records: records.accounts.balance(key.account))
        return _success({"balance": has.available, "frozen": has.frozen})

    router.get("/user/balance", summary="Credits to spend, and credits held", **openapi.BALANCE)(balance)
    router.get("/user/wallet/balance", summary="The same, under its other name", **openapi.BALANCE)(balance)
    return router


def _success(data: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps({"code": 0, "data": data}), 200, headers, "application/json")


def _body(face: Face, key: Key, seen: Seen) -> dict[str, Any]:
    return task_body(seen, key.account_tag, face.links, face.clock.now_ms())


def _provider(face: Face, seen: Seen) -> str:
    served_by = seen.task.served_by or {}
    return str(served_by.get("provider") or face.routing.route(seen.task.model).provider)


def _ids(values: list[str]) -> list[TaskId]:
    return [TaskId(value) for value in values]


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
    try:
        form = await request.form(max_files=1, max_fields=20)
    except HTTPException as error:
        raise _not_multipart(str(error.detail)) from None
    async with form:
        part = form.get("file")
        if not isinstance(part, UploadFile):
            raise _not_multipart("there is no file part named 'file'")
        path = scratch / f"upload-{uuid.uuid4()}"
        await asyncio.to_thread(_copy, part.file, path)
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
