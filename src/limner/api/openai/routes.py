"""The routes of OpenAI's Images API. A call holds the line while its durable task runs underneath."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from limner.api.http.authentication import caller
from limner.api.http.bodies.content_coding import decoded_body
from limner.api.http.bodies.json_body import read_object
from limner.api.http.headers import media_type
from limner.api.http.load_shedding import BODY_MEMORY
from limner.api.http.operation import Endpoint, Operation
from limner.api.http.prefer_wait import disconnected
from limner.api.openai import openapi
from limner.api.openai.errors import SHOULD_RETRY, error_of_task, error_response
from limner.api.openai.form import read_form
from limner.api.openai.pictures import FinishedPictures, finished_pictures, picture_links
from limner.api.openai.wire import PROMPT_RULES, ImagesRequest, read_edit, read_edit_of, read_generation
from limner.api.service_container import SERVED_BY, Services
from limner.application.read import TaskView
from limner.application.tasks.repeats import find_repeated, repeat_key
from limner.application.tasks.submit import IdempotencyKey
from limner.application.watching.watch import WatchLimitReached
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId
from limner.domain.refusal import Code, Refusal, Unavailable
from limner.domain.tasks.progress import displayed_progress
from limner.domain.tasks.task import Status, Task

PREFIX = "/v1"
TAG = "openai"

TASK_ID = "x-limner-task-id"
IGNORED = "x-limner-ignored"

HOLD_S = 590
"""How long a call is held: the SDKs give up after 600 seconds."""

HEARTBEAT_S = 15.0

_RETRY_COUNT = re.compile(r"[1-9]\d{0,3}")

_STATUSES = {
    Status.QUEUED: "queued",
    Status.RUNNING: "in_progress",
    Status.SUCCESS: "completed",
}


def operations(services: Services) -> list[Operation]:
    handle, rate = OpenAiHandlers(services), services.create_rate

    def creates(path: str, endpoint: Endpoint, summary: str, described: Mapping[str, Any]) -> Operation:
        return Operation("POST", PREFIX + path, endpoint, TAG, summary, described, "generate", rate)

    def reads(path: str, endpoint: Endpoint, summary: str, described: Mapping[str, Any]) -> Operation:
        return Operation("GET", PREFIX + path, endpoint, TAG, summary, described, "read")

    return [
        creates("/images/generations", handle.generate, "Make pictures from words", openapi.GENERATE),
        creates("/images/edits", handle.edit, "Make pictures from words and pictures", openapi.EDIT),
        reads("/images/tasks/{task_id}", handle.task, "Read a task that was made with `async`", openapi.TASK),
        reads("/models", handle.models, "The models, as OpenAI's clients list them", openapi.MODELS),
        reads("/models/{model}", handle.model, "One model", openapi.MODELS),
    ]


@dataclass(frozen=True, slots=True)
class OpenAiHandlers:
    services: Services

    async def generate(self, request: Request) -> Response:
        body = await decoded_body(request)
        asked = read_generation(read_object(body), self.services.routing.models)
        return await self._make(request, asked, hashlib.sha256(body).hexdigest(), "image_generation")

    async def edit(self, request: Request) -> Response:
        models = self.services.routing.models
        if media_type(request.headers) == "multipart/form-data":
            form = await read_form(request)
            asked, digest = read_edit_of(form.fields, form.pictures, form.mask, models), form.digest
        else:
            body = await decoded_body(request)
            asked = await asyncio.to_thread(read_edit, read_object(body), models)
            digest = hashlib.sha256(body).hexdigest()
        return await self._make(request, asked, digest, "image_edit")

    async def task(self, request: Request) -> Response:
        seen = await self.services.read(caller(request).account, TaskId(request.path_params["task_id"]))
        return Response(orjson.dumps(self._task_body(caller(request), seen)), media_type="application/json")

    async def models(self, _request: Request) -> Response:
        listed = [_model(name) for name in self._names()]
        return Response(orjson.dumps({"object": "list", "data": listed}), media_type="application/json")

    async def model(self, request: Request) -> Response:
        name = request.path_params["model"]
        if name not in self._names():
            raise Refusal(
                Code.VERSION_UNKNOWN,
                f"The model {name[:100]!r} does not exist",
                suggestion="GET /v1/models lists the models.",
                field="model",
            )
        return Response(orjson.dumps(_model(name)), media_type="application/json")

    def _names(self) -> list[str]:
        """The models that are served here and their aliases; apps that filter by name find `gpt-image-` among them."""
        served = self.services.routing.served_models()
        aliases = [alias for name in served for alias in self.services.routing.models[name].aliases]
        return list(dict.fromkeys([*served, *aliases, *openapi.NAMES_OF_APPS]))

    # --- making ---------------------------------------------------------------------------------------------------

    async def _make(self, request: Request, asked: ImagesRequest, digest: str, event: str) -> Response:
        task, provider = await self._submitted(request, asked, digest)
        headers = {TASK_ID: task, SERVED_BY: provider}
        if asked.ignored:
            headers[IGNORED] = ", ".join(name for name in asked.ignored if name.isascii())
        if asked.body.asynchronous or "respond-async" in request.headers.get("prefer", ""):
            return await self._accepted(request, task, headers)
        request.scope[BODY_MEMORY].release()
        if asked.body.stream:
            return StreamingResponse(self._events(request, asked, task, event), 200, headers, "text/event-stream")
        return await self._held(request, asked, task, headers)

    async def _submitted(self, request: Request, asked: ImagesRequest, digest: str) -> tuple[TaskId, str]:
        """The task of this call: a new one, or that of the call which this one repeats."""
        key = caller(request)
        digest = hashlib.sha256(f"{request.url.path} {key.id} {digest}".encode()).hexdigest()
        if _RETRY_COUNT.fullmatch(request.headers.get("x-stainless-retry-count", "")):
            repeated = await find_repeated(self.services.store, key.account, digest, self.services.clock.now_ms())
            if repeated:
                return repeated, self.services.routing.served_by(asked.request.model or "")
        named = request.headers.get("idempotency-key")
        once = IdempotencyKey(named[:255] if named else repeat_key(digest), digest)
        created = await self.services.submit(key, asked.request, idempotency=once, prompt_rules=PROMPT_RULES)
        return created.task, created.provider

    async def _accepted(self, request: Request, task: TaskId, headers: dict[str, str]) -> Response:
        seen = await self.services.read(caller(request).account, task)
        headers |= {"Location": f"{PREFIX}/images/tasks/{task}"}
        return Response(orjson.dumps(self._task_body(caller(request), seen)), 202, headers, "application/json")

    async def _held(self, request: Request, asked: ImagesRequest, task: TaskId, headers: dict[str, str]) -> Response:
        key = caller(request)
        ended = await self._end(request, key, task, HOLD_S)
        if ended is None:
            raise Unavailable  # the same call again joins the task
        headers |= self.services.served_by(ended)
        if ended.task.result is None:
            status, error = error_of_task(ended.task)
            return error_response(status, error, headers)
        finished = await self._finished(key, asked, ended.task)
        length, pieces = finished.json(as_url=asked.as_url)
        headers |= {"Content-Length": str(length), SHOULD_RETRY: "false"}
        return StreamingResponse(pieces, 200, headers, "application/json")

    async def _events(self, request: Request, asked: ImagesRequest, task: TaskId, event: str) -> AsyncIterator[bytes]:
        """Comments while the task runs, then an event for each picture, or one with the error."""
        key = caller(request)
        waiting = asyncio.ensure_future(self._end(request, key, task, HOLD_S))
        try:
            while not waiting.done():
                yield b": waiting\n\n"
                await asyncio.wait([waiting], timeout=HEARTBEAT_S)
            ended = waiting.result()
        finally:
            waiting.cancel()
        if ended is None or ended.task.result is None:
            error = error_of_task(ended.task)[1] if ended else {"message": "the server stops", "type": "server_error"}
            yield b"event: error\ndata: " + orjson.dumps({"error": error}) + b"\n\n"
            return
        finished = await self._finished(key, asked, ended.task)
        for place in range(len(finished.pictures)):
            async for piece in finished.event(f"{event}.completed", place):
                yield piece

    async def _end(self, request: Request, key: Key, task: TaskId, seconds: float) -> TaskView | None:
        """The task once it has ended; None when the caller has left, the server stops, or time is up."""
        try:
            return await self.services.wait_for_end(key, task, seconds, lambda: disconnected(request))
        except WatchLimitReached:
            raise Unavailable from None

    async def _finished(self, key: Key, asked: ImagesRequest, task: Task) -> FinishedPictures:
        return await finished_pictures(self.services, key, task, asked.body.model_dump())

    def _task_body(self, key: Key, seen: TaskView) -> dict[str, Any]:
        """A task shaped like OpenAI's `video`, with links once it is completed."""
        task, now_ms = seen.task, self.services.clock.now_ms()
        failed = task.status.final and task.result is None
        return {
            "id": task.id,
            "object": "image.task",
            "model": task.model,
            "status": _STATUSES.get(task.status, "failed"),
            "progress": displayed_progress(task, now_ms),
            "created_at": task.created_ms // 1000,
            "completed_at": task.finished_ms // 1000 if task.finished_ms else None,
            "data": [{"url": link} for link in picture_links(self.services, key, task)],
            "error": error_of_task(task)[1] if failed else None,
        }


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": openapi.MODELS_SINCE, "owned_by": "limner"}
