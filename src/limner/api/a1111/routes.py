"""The routes of AUTOMATIC1111's API. A call is held while its durable task runs underneath."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import orjson
from starlette.requests import Request
from starlette.responses import Response

from limner.api.a1111 import answers, openapi
from limner.api.a1111.basic_auth import bearer_of, user_name
from limner.api.a1111.errors import error_of_task
from limner.api.a1111.wire import FACE, DrawRequest, checkpoint_of, read_img2img, read_txt2img
from limner.api.embedded_pictures import PICTURE, json_response
from limner.api.held_call import HeldCalls
from limner.api.http.authentication import caller
from limner.api.http.bodies.json_body import digest_of, parse, read_object, result_of
from limner.api.http.content_coding import decoded_body
from limner.api.http.operation import Endpoint, Operation, OperationTable
from limner.api.loose_fields import PROMPT_RULES
from limner.api.service_container import Services
from limner.application.read import TaskView
from limner.db.tables.keys import Key
from limner.domain.refusal import Code, Refusal, Unavailable
from limner.domain.tasks.listing import TaskFilter
from limner.domain.tasks.progress import displayed_progress
from limner.domain.tasks.task import Status

PREFIX = "/sdapi/v1"
TAG = "a1111"

_UNFINISHED = (Status.QUEUED, Status.RUNNING)
_LISTED = 50


def operations(services: Services) -> list[Operation]:
    handle, table = A1111Handlers(services), OperationTable(TAG, PREFIX, bearer_of)
    reads, acts = table.row("read"), table.row("generate")
    creates = table.row("generate", services.create_rate)
    get, post = partial(reads, "GET"), partial(acts, "POST")
    return [
        get("/options", handle.options, "The chosen model", openapi.OPTIONS),
        post("/options", handle.set_options, "Choose a model", openapi.SET_OPTIONS),
        get("/sd-models", handle.models, "The models", openapi.LIST),
        get("/samplers", _always(answers.SAMPLERS), "The samplers: one", openapi.LIST),
        get("/schedulers", _always(answers.SCHEDULERS), "The schedulers: one", openapi.LIST),
        get("/upscalers", _always(answers.UPSCALERS), "The upscalers: none", openapi.LIST),
        get("/latent-upscale-modes", _always([]), "The latent upscalers: none", openapi.LIST),
        get("/sd-vae", _always([]), "The VAEs: none", openapi.LIST),
        get("/progress", handle.progress, "How far the key's tasks are", openapi.PROGRESS),
        post("/interrupt", handle.interrupt, "Cancel the key's tasks of this API", openapi.INTERRUPT),
        creates("POST", "/txt2img", handle.txt2img, "Make pictures from words", openapi.TXT2IMG),
        creates("POST", "/img2img", handle.img2img, "Make pictures from words and pictures", openapi.IMG2IMG),
    ]


@dataclass(frozen=True, slots=True)
class A1111Handlers:
    services: Services

    async def options(self, request: Request) -> Response:
        chosen = await self._chosen(request)
        return _json(answers.options(chosen or self.services.submit.plan.default_model(references=0)))

    async def set_options(self, request: Request) -> Response:
        """Other options than the model are accepted and have no effect: apps send all that they were given."""
        sent = read_object(await decoded_body(request))
        checkpoint = sent.get("sd_model_checkpoint")
        if isinstance(checkpoint, str):
            key, model = caller(request).id, checkpoint_of(checkpoint, self.services.routing.models)
            await self.services.store.run(lambda records: records.keys.choose_model(key, model))
        elif checkpoint is not None:
            raise Refusal(
                Code.INVALID, "it is no text", suggestion="Send a title of sd-models.", field="sd_model_checkpoint"
            )
        return _json(None)

    async def models(self, _request: Request) -> Response:
        return _json(answers.models(self.services.routing.served_models()))

    async def progress(self, request: Request) -> Response:
        now_ms = self.services.clock.now_ms()
        unfinished = [each.task for each in await self._unfinished(caller(request))]
        return _json(answers.progress((task, displayed_progress(task, now_ms)) for task in unfinished))

    async def interrupt(self, request: Request) -> Response:
        key = caller(request)
        for each in await self._unfinished(key):
            await self.services.cancel(key.account, each.task.id)
        return _json({})

    async def txt2img(self, request: Request) -> Response:
        return await self._draw(request, read_txt2img)

    async def img2img(self, request: Request) -> Response:
        return await self._draw(request, read_img2img)

    async def _draw(self, request: Request, read: Callable[..., DrawRequest]) -> Response:
        models, chosen = self.services.routing.models, await self._chosen(request)
        asked, body = await parse(request, lambda body: read(read_object(body), models, chosen))
        return await self._make(request, asked, await result_of(digest_of, body))

    async def _chosen(self, request: Request) -> str | None:
        """The model that the key has chosen, or the user name names; None for the default."""
        models, key = self.services.routing.models, caller(request).id
        chosen = await self.services.store.read(lambda records: records.keys.chosen_model(key))
        # A model that the operator has removed since is no choice any more.
        known = models.called(chosen) if chosen else None
        known = known or models.called(user_name(request))
        return known.name if known else None

    async def _make(self, request: Request, asked: DrawRequest, digest: str) -> Response:
        held = HeldCalls(self.services)
        call = await held.submit(request, asked.request, digest, PROMPT_RULES)
        ended = await held.end(call)
        if ended is None:
            raise Unavailable  # the same call again joins the task
        headers = self._headers(asked, ended)
        if ended.task.result is None:
            return error_of_task(ended.task, headers)
        names = ended.task.result.pictures() if asked.body.send_images else ()
        pictures = [await self.services.open_picture(ended.task, name) for name in names]
        document = {
            "images": [PICTURE] * len(pictures),
            "parameters": answers.parameters(asked.body),
            "info": answers.info(asked.body, ended.task),
        }
        return await json_response(document, pictures, headers)

    def _headers(self, asked: DrawRequest, seen: TaskView) -> dict[str, str]:
        ignored = [*asked.ignored, *(each.field for each in seen.task.ignored if each.field != "output_format")]
        shown = ", ".join(dict.fromkeys(name for name in ignored if name.isascii() and name.isprintable()))
        named = {"x-limner-task-id": seen.task.id, "x-limner-model": seen.task.model, "x-limner-ignored": shown}
        return {name: value for name, value in named.items() if value} | self.services.served_by(seen)

    async def _unfinished(self, key: Key) -> list[TaskView]:
        """The key's queued and running tasks of this API, newest first."""
        wanted = TaskFilter(key=key.id, statuses=_UNFINISHED)
        page = await self.services.list_tasks(key.account, wanted, after=None, limit=_LISTED)
        return [each for each in page.tasks if each.task.echo.get("api") == FACE]


def _always(content: object) -> Endpoint:
    body = orjson.dumps(content)

    async def endpoint(_request: Request) -> Response:
        return Response(body, media_type="application/json")

    return endpoint


def _json(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
