"""The routes of OpenAI's Images API. A call holds the line while its durable task runs underneath."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from limner.api.held_call import HeldCall, HeldCalls
from limner.api.http.authentication import caller
from limner.api.http.bodies.json_body import digest_of, parse, read_object, result_of
from limner.api.http.headers import media_type
from limner.api.http.operation import Endpoint, Operation
from limner.api.loose_fields import PROMPT_RULES
from limner.api.openai import openapi
from limner.api.openai.errors import SHOULD_RETRY, error_of, error_of_task, error_response
from limner.api.openai.form import received_form
from limner.api.openai.pictures import FinishedPictures, finished_pictures, partial_picture, picture_links
from limner.api.openai.wire import ImagesRequest, read_edit, read_edit_of, read_generation
from limner.api.service_container import Services
from limner.application.read import TaskView
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId
from limner.domain.refusal import Code, Refusal, Unavailable
from limner.domain.tasks.progress import displayed_progress
from limner.domain.tasks.task import Status, Task

PREFIX = "/v1"
TAG = "openai"

TASK_ID = "x-limner-task-id"
IGNORED = "x-limner-ignored"
MODEL = "x-limner-model"
SIZE = "x-limner-size"

HEARTBEAT_S = 15.0

_WAITING = b": waiting\n\n"

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
        models = self.services.routing.models
        asked, body = await parse(request, lambda body: read_generation(read_object(body), models))
        return await self._make(request, asked, await result_of(digest_of, body), "image_generation")

    async def edit(self, request: Request) -> Response:
        models = self.services.routing.models
        if media_type(request.headers) == "multipart/form-data":
            async with received_form(request, self.services.scratch) as form:
                asked = read_edit_of(form.fields, form.pictures, form.mask, models)
                call = await HeldCalls(self.services).submit(request, asked.request, form.digest, PROMPT_RULES)
            return await self._answer(call, asked, "image_edit")
        asked, body = await parse(request, lambda body: read_edit(read_object(body), models))
        return await self._make(request, asked, await result_of(digest_of, body), "image_edit")

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
        call = await HeldCalls(self.services).submit(request, asked.request, digest, PROMPT_RULES)
        return await self._answer(call, asked, event)

    async def _answer(self, call: HeldCall, asked: ImagesRequest, event: str) -> Response:
        if asked.body.asynchronous or "respond-async" in call.request.headers.get("prefer", ""):
            return await self._accepted(call, asked)
        held = HeldCalls(self.services)
        if asked.body.stream:
            headers = self._headers(asked, await self.services.read(caller(call.request).account, call.task))
            return StreamingResponse(self._events(held, call, asked, event), 200, headers, "text/event-stream")
        return await self._held(held, call, asked)

    def _headers(self, asked: ImagesRequest, seen: TaskView) -> dict[str, str]:
        """The task, what runs or ran for it, and which fields of the request had no effect."""
        fields = [*asked.ignored, *(each.field for each in seen.task.ignored)]
        ignored = ", ".join(dict.fromkeys(name for name in fields if name.isascii() and name.isprintable()))
        made = " ".join(filter(None, (asked.request.spec.aspect_ratio, asked.request.spec.size)))
        named = {TASK_ID: seen.task.id, MODEL: seen.task.model, SIZE: made, IGNORED: ignored}
        return {name: value for name, value in named.items() if value} | self.services.served_by(seen)

    async def _accepted(self, call: HeldCall, asked: ImagesRequest) -> Response:
        key = caller(call.request)
        seen = await self.services.read(key.account, call.task)
        headers = self._headers(asked, seen) | {"Location": f"{PREFIX}/images/tasks/{call.task}"}
        return Response(orjson.dumps(self._task_body(key, seen)), 202, headers, "application/json")

    async def _held(self, held: HeldCalls, call: HeldCall, asked: ImagesRequest) -> Response:
        ended = await held.end(call)
        if ended is None:
            raise Unavailable  # the same call again joins the task
        headers = self._headers(asked, ended)
        if ended.task.result is None:
            status, error = error_of_task(ended.task)
            return error_response(status, error, headers)
        finished = await self._finished(caller(call.request), asked, ended.task)
        return await finished.response(headers | {SHOULD_RETRY: "false"}, as_url=asked.as_url)

    async def _events(self, held: HeldCalls, call: HeldCall, asked: ImagesRequest, event: str) -> AsyncIterator[bytes]:
        """Comments and previews while the task runs, then an event for each picture, or one with the error."""
        ended, told = None, 0
        yield _WAITING
        async for seen in _with_heartbeat(held.changes(call)):
            if seen is None:
                yield _WAITING
                continue
            for name in list(seen.task.previews())[told:]:
                preview = await partial_picture(self.services, seen.task, name, asked.body.model_dump())
                async for piece in preview.event(f"{event}.partial_image"):
                    yield piece
            told = len(seen.task.previews())
            ended = seen if seen.task.status.final else None
        if ended is None or ended.task.result is None:
            error = error_of_task(ended.task)[1] if ended else error_of(Unavailable())[1]
            yield b"event: error\ndata: " + orjson.dumps({"error": error}) + b"\n\n"
            return
        finished = await self._finished(caller(call.request), asked, ended.task)
        for place in range(len(finished.pictures)):
            async for piece in finished.event(f"{event}.completed", place):
                yield piece

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


async def _with_heartbeat(changes: AsyncGenerator[TaskView, None]) -> AsyncIterator[TaskView | None]:
    """The changes, and None where there was none for a while."""
    async with aclosing(changes):
        while True:
            coming = asyncio.ensure_future(anext(changes, None))
            try:
                while not (await asyncio.wait([coming], timeout=HEARTBEAT_S))[0]:
                    yield None
                seen = coming.result()
            finally:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
            if seen is None:
                return
            yield seen


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": openapi.MODELS_SINCE, "owned_by": "limner"}
