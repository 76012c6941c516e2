"""The page Make: the composer, the feed, and what their buttons do."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from limner.api.http.bodies.file_body import received_file
from limner.api.http.bodies.json_body import validated
from limner.api.http.idempotency import idempotency_of
from limner.api.service_container import Services
from limner.api.v2.wire import PROMPT_LIMIT, read_task
from limner.api.v3.wire import FileReference
from limner.application.read import TaskView
from limner.domain.ids import TaskId
from limner.domain.prompts.template import SKETCH_TO_RENDER, T_POSE
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.request import ImageRequest, TaskType
from limner.ports.templates import Templates
from limner.studio.assets import example_templates
from limner.studio.cards import CardMaker, FeedCard
from limner.studio.model_choice import model_choices, preselected
from limner.studio.page import Pages
from limner.studio.session import root_of, session_of
from limner.studio.texts import texts_for

FEED_PAGE = 48
MAX_TIMES = 10
MAX_CARDS_ASKED = 200

SWITCHES = (
    (T_POSE, "T-pose", "Upright, facing us, both arms stretched out"),
    (SKETCH_TO_RENDER, "Sketch to render", "Turn a sketch into a finished render"),
)


@dataclass(frozen=True, slots=True)
class MakeHandlers:
    services: Services
    templates: Templates
    pages: Pages

    async def page(self, request: Request) -> Response:
        cards = await self._feed(request, 0)
        usable = await self.services.templates.of(session_of(request).key.account)
        models = model_choices(self.services.routing, texts_for(request))
        return await self.pages.page(
            request,
            "make",
            cards=cards,
            more=FEED_PAGE if len(cards) == FEED_PAGE else None,
            templates=[each.template for each in usable.values()],
            example_templates=example_templates(),
            models=models,
            chosen=preselected(models),
            switches=SWITCHES,
            prompt_limit=PROMPT_LIMIT,
            now_ms=self.services.clock.now_ms(),
        )

    async def feed(self, request: Request) -> Response:
        """The next cards of the feed, below those that are shown."""
        after = request.query_params.get("after", "0")
        start = int(after) if after.isascii() and after.isdigit() and len(after) < 7 else 0
        cards = await self._feed(request, start)
        more = start + FEED_PAGE if len(cards) == FEED_PAGE else None
        return self.pages.fragment(request, "feed", cards=cards, more=more)

    async def cards(self, request: Request) -> Response:
        """The cards of the named tasks, in the order asked for."""
        wanted = [TaskId(each) for each in request.query_params.get("ids", "").split(",")[:MAX_CARDS_ASKED] if each]
        found = await self.services.read.many(session_of(request).key.account, wanted)
        maker = self._maker(request)
        by_id = {seen.task.id: maker.card(seen) for seen in found}
        return self.pages.fragment(request, "cards", cards=[by_id[each] for each in wanted if each in by_id])

    async def create(self, request: Request) -> Response:
        """Make `n` tasks of the form, each with an idempotency key of its own. Plain forms lead back to the page."""
        form = await request.form(max_files=10, max_part_size=64 * 1024)
        cards = [await self._create(request, form, number) for number in range(_times(form))]
        if "hx-request" not in request.headers:
            return RedirectResponse(root_of(request), 303)
        return self.pages.fragment(request, "cards", cards=cards)

    async def _create(self, request: Request, form: FormData, number: int) -> FeedCard:
        body = orjson.dumps(body_of(form))
        key = session_of(request).key
        send = f"{form.get('send') or uuid.uuid4()}-{number}"
        once = idempotency_of(send, request.url.path, body)
        created = await self.services.submit(key, image_request(body), idempotency=once)
        return self._maker(request).card(await self.services.read(key.account, created.task))

    async def upload(self, request: Request) -> Response:
        key = session_of(request).key
        self.services.upload_rate.take(key.account, self.services.clock.now_ms()).check()
        async with received_file(request, self.services.scratch) as path:
            kept = await self.services.upload(key, path)
        return Response(orjson.dumps({"token": kept.token, "type": kept.media_type}), media_type="application/json")

    async def cancel(self, request: Request) -> Response:
        key, task = session_of(request).key, TaskId(request.path_params["task_id"])
        await self.services.cancel(key.account, task)
        return await self._changed(request, task)

    async def again(self, request: Request) -> Response:
        """Send a task's request once more, unchanged, as a new task."""
        key, task = session_of(request).key, TaskId(request.path_params["task_id"])
        body = orjson.dumps(await self._request_of(request, task))
        created = await self.services.submit(key, image_request(body))
        return await self._changed(request, created.task)

    async def request_of(self, request: Request) -> Response:
        """A task's request as JSON, for the composer."""
        body = await self._request_of(request, TaskId(request.path_params["task_id"]))
        return Response(orjson.dumps(body), media_type="application/json")

    async def _request_of(self, request: Request, task: TaskId) -> dict[str, Any]:
        seen = await self.services.read(session_of(request).key.account, task)
        return request_body(seen)

    async def _changed(self, request: Request, task: TaskId) -> Response:
        if "hx-request" not in request.headers:
            return RedirectResponse(root_of(request), 303)
        seen = await self.services.read(session_of(request).key.account, task)
        return self.pages.fragment(request, "cards", cards=[self._maker(request).card(seen)])

    async def _feed(self, request: Request, start: int) -> Sequence[FeedCard]:
        account = session_of(request).key.account
        tasks = await self.services.read.page(account, FEED_PAGE, start)
        queued = [task.id for task in tasks if not task.status.final]
        waiting = {seen.task.id: seen for seen in await self.services.read.many(account, queued)}
        maker = self._maker(request)
        return [maker.card(waiting.get(task.id, TaskView(task, None))) for task in tasks]

    def _maker(self, request: Request) -> CardMaker:
        return card_maker(request, self.services, self.templates)


def card_maker(request: Request, services: Services, templates: Templates) -> CardMaker:
    """Makes cards for the session's account, in the reader's language."""
    return CardMaker(
        account_tag=session_of(request).key.account_tag,
        links=services.links,
        templates=templates,
        models=services.routing.models,
        now_ms=services.clock.now_ms(),
        t=texts_for(request),
    )


def body_of(form: FormData) -> dict[str, Any]:
    """The body of `POST /task` for the composer's form."""
    text = {name: str(form.get(name, "")).strip() for name in ("prompt", "template", "model")}
    files = [_reference(str(each)) for each in form.getlist("reference")]
    chosen: dict[str, Any] = {"type": "generate_image"}
    if text["prompt"]:
        chosen["prompt"] = text["prompt"].replace("\r\n", "\n")
    if text["template"]:
        chosen["template"] = text["template"]
    if text["model"]:
        chosen["model_version"] = text["model"]
    for switch in (T_POSE, SKETCH_TO_RENDER):
        if switch.name in form:
            chosen[switch.name] = True
    return chosen | ({"files": files} if files else {})


def image_request(body: bytes) -> ImageRequest:
    """The request of a `POST /task` body whose `files` may also name tasks, as those of v3 do. Raises `Refusal`."""
    sent = orjson.loads(body)
    if sent.get("type") != TaskType.GENERATE_IMAGE:
        return read_task(body)
    named = ([sent.pop("file")] if sent.get("file") else []) + (sent.pop("files", None) or [])
    request = read_task(orjson.dumps(sent))
    files = [validated(FileReference, each).input(f"files[{place}]") for place, each in enumerate(named)]
    return replace(request, files=tuple(files))


def request_body(seen: TaskView) -> dict[str, Any]:
    """The request that made a task, as far as it can be sent again."""
    return {"type": seen.task.type} | dict(seen.task.echo)


def _reference(text: str) -> Mapping[str, Any]:
    """A reference of the form: a JSON object as the API takes it in `files`."""
    try:
        reference = json.loads(text)
    except ValueError:
        reference = None
    if not isinstance(reference, dict):
        raise Refusal(Code.INVALID, "a reference is no object", suggestion="Add the picture again.", field="reference")
    return reference


def _times(form: FormData) -> int:
    text = str(form.get("n", "1"))
    return max(1, min(MAX_TIMES, int(text))) if text.isascii() and text.isdigit() and len(text) < 4 else 1
