"""The page Make: the composer, the feed, and what their buttons do."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from limner.api.http.bodies.file_body import received_file
from limner.api.http.idempotency import idempotency_of
from limner.api.service_container import Services
from limner.api.tripo.lenient_read import read_leniently
from limner.api.v2.wire import PROMPT_LIMIT
from limner.db.tables.uploads import Upload
from limner.domain.ids import TaskId
from limner.domain.picture_size import SIZE_CLASSES
from limner.domain.prompts.template import SKETCH_TO_RENDER, T_POSE
from limner.domain.refusal import Problems
from limner.domain.routing.abilities import QUALITIES
from limner.domain.routing.obeyed import BACKGROUNDS
from limner.domain.tasks.listing import TaskFilter
from limner.studio.assets import example_templates, version
from limner.studio.cards.card import FeedCard
from limner.studio.cards.read import Cards
from limner.studio.composer.first_run import IDEAS, vendor_hints
from limner.studio.composer.form import body_of, image_request, request_body
from limner.studio.composer.model_choice import model_choices, preselected
from limner.studio.composer.quote_words import QuoteWords
from limner.studio.page import Pages
from limner.studio.session import form_of, root_of, session_of
from limner.studio.texts import texts_for

FIRST_CARDS = 24
"""Cards of the page itself: more than a window shows. The script asks for older ones as the last row comes near."""

FEED_PAGE = 48
RATIOS = ("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16")
"""The shapes that the composer offers; a task may name any."""
MAX_CARDS_ASKED = 200

SWITCHES = (
    (T_POSE, "T-pose", "Upright, facing us, both arms stretched out"),
    (SKETCH_TO_RENDER, "Sketch to render", "Turn a sketch into a finished render"),
)


@dataclass(frozen=True, slots=True)
class MakeHandlers:
    services: Services
    pages: Pages
    shown: Cards

    async def page(self, request: Request) -> Response:
        begun_ms = self.services.clock.now_ms()  # the page asks for what changed since: the cards must not be older
        cards, more = await self._feed(request, FIRST_CARDS)
        usable = await self.services.templates.of(session_of(request).key.account)
        models = model_choices(self.services.routing, await self.services.read_route_statistics(), texts_for(request))
        return await self.pages.page(
            request,
            "make",
            cards=cards,
            more=more,
            templates=[each.template for each in sorted(usable.values(), key=lambda each: each.row is None)],
            example_templates=example_templates(),
            models=models,
            **self._first_run(request),
            chosen=preselected(models),
            switches=SWITCHES,
            prompt_limit=PROMPT_LIMIT,
            ratios=RATIOS,
            sizes=SIZE_CLASSES,
            qualities=QUALITIES,
            backgrounds=BACKGROUNDS,
            now_ms=begun_ms,
        )

    def _first_run(self, request: Request) -> dict[str, Any]:
        """What an empty feed shows. Only operators can do something about vendors."""
        routing, operator = self.services.routing, session_of(request).may("admin")
        return {
            "ideas": [each for each in IDEAS if each.template in example_templates()],
            "vendors": vendor_hints(routing) if operator else (),
            "engine_alone": not routing.vendors(),
        }

    async def feed(self, request: Request) -> Response:
        """The next cards of the feed, below those that are shown."""
        cards, more = await self._feed(request, FEED_PAGE)
        return self.pages.fragment(request, "feed", cards=cards, more=more)

    async def cards(self, request: Request) -> Response:
        """The cards of the named tasks, in the order asked for."""
        wanted = [TaskId(each) for each in request.query_params.get("ids", "").split(",")[:MAX_CARDS_ASKED] if each]
        found = await self.services.read.many(session_of(request).key.account, wanted)
        by_id = {card.id: card for card in await self.shown.explained(request, found)}
        return self.pages.fragment(request, "cards", cards=[by_id[each] for each in wanted if each in by_id])

    async def create(self, request: Request) -> Response:
        """Make a task of the form, once however often it is sent. Plain forms lead back to the page."""
        form = await form_of(request)
        asked = body_of(form)
        if uploaded := await self._uploaded(request, form):
            asked["files"] = [*asked.get("files", ()), *uploaded]
        body = orjson.dumps(asked)
        once = idempotency_of(str(form.get("send") or uuid.uuid4()), request.url.path, body)
        created = await self.services.submit(session_of(request).key, image_request(body), idempotency=once)
        back = f"/templates/{asked['template']}?tried={created.task}" if "try" in form and "template" in asked else ""
        return await self._changed(request, created.task, back)

    async def _uploaded(self, request: Request, form: FormData) -> Sequence[Mapping[str, str]]:
        """The pictures of a plain form, stored as uploads; scripts upload theirs before."""
        given = [each for each in form.getlist("picture") if isinstance(each, UploadFile) and each.filename]
        found = []
        for each in given:
            kept = await self._kept(request, await each.read())
            found.append({"type": kept.media_type.partition("/")[2], "file_token": kept.token})
        return found

    async def _kept(self, request: Request, picture: Path | bytes) -> Upload:
        key = session_of(request).key
        self.services.upload_rate.take(key.account, self.services.clock.now_ms()).check()
        return await self.services.upload(key, picture)

    async def quote(self, request: Request) -> Response:
        """What the form would make, at what price and where, and all that is wrong with it; nothing is written."""
        form, problems = await form_of(request), Problems(collect=True)
        asked = read_leniently(image_request, orjson.dumps(body_of(form)), problems)
        quoted = await self.services.quote(session_of(request).key, asked, problems=problems)
        say = QuoteWords(texts_for(request), quoted, str(form.get("model", "")))
        return self.pages.fragment(request, "quote", quote=say)

    async def now(self, request: Request) -> Response:
        """What a page shows of the account and the server: credits, whether the disk is full, the files' version."""
        account = session_of(request).key.account
        has = await self.services.store.read(lambda records: records.accounts.balance(account))
        full = await self.pages.disk_full()
        said = {"available": has.available, "frozen": has.frozen, "disk_full": full, "assets": version()}
        return Response(orjson.dumps(said), media_type="application/json")

    async def upload(self, request: Request) -> Response:
        async with received_file(request, self.services.scratch) as path:
            kept = await self._kept(request, path)
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

    async def _changed(self, request: Request, task: TaskId, back: str = "") -> Response:
        """The card of a changed task; plain forms lead back to a page of the Studio."""
        if "hx-request" not in request.headers:
            return RedirectResponse(root_of(request) + back, 303)
        seen = await self.services.read(session_of(request).key.account, task)
        return self.pages.fragment(request, "cards", cards=await self.shown.explained(request, [seen]))

    async def _feed(self, request: Request, limit: int) -> tuple[Sequence[FeedCard], str | None]:
        """The newest cards, or those after the cursor that the address has, and the cursor of those after them."""
        account, after = session_of(request).key.account, request.query_params.get("after") or None
        found = await self.services.list_tasks(account, TaskFilter(), after=after, limit=limit)
        return await self.shown.explained(request, found.tasks), found.next
