"""The page History: every task, searched and filtered; keeping and erasing of one or several."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from limner.api.library.archive import zip_of
from limner.api.library.query import read_query
from limner.api.service_container import Services
from limner.application.read import TaskView
from limner.domain.ids import TaskId, is_uuid
from limner.domain.tasks.task import Status
from limner.ports.templates import Templates
from limner.studio.cards.card import FeedCard
from limner.studio.cards.read import Cards
from limner.studio.date_rail import date_rail
from limner.studio.handlers.near_words import near_words
from limner.studio.page import Pages
from limner.studio.session import form_of, root_of, session_of
from limner.studio.texts import Texts, texts_for

TILES = 120
GRACE_S = 10
DAY_MS = 86_400_000
MAX_SELECTED = 1_000
FOUND = 6
"""Pictures that the palette shows."""

FILTERS = ("q", "model", "template", "status", "since", "until", "kept", "made_from", "key")

STATUSES = {
    "success": (Status.SUCCESS,),
    "under_way": (Status.QUEUED, Status.RUNNING),
    "without": (Status.FAILED, Status.BANNED, Status.EXPIRED, Status.CANCELLED),
}
"""The statuses as the page groups them."""


@dataclass(frozen=True, slots=True)
class HistoryDay:
    """The tiles of one UTC day."""

    id: str
    title: str
    cards: Sequence[FeedCard]


@dataclass(frozen=True, slots=True)
class HistoryHandlers:
    services: Services
    templates: Templates
    pages: Pages
    shown: Cards

    async def page(self, request: Request) -> Response:
        named = request.query_params.get("q", "").strip()
        if is_uuid(named):
            return RedirectResponse(f"{root_of(request)}/pictures/{named}", 303)
        days, more = await self._listed(request)
        asked = {name: request.query_params.get(name, "") for name in FILTERS}
        return await self.pages.page(
            request,
            "history",
            days=days,
            more=more,
            meant=await self._meant(request, any_found=bool(days)),
            asked=asked,
            filtered=any(asked.values()),
            models=[(name, facts.title) for name, facts in self.services.routing.models.items()],
            templates=[each.template for each in self.templates.values()],
            statuses=tuple(STATUSES),
        )

    async def tiles(self, request: Request) -> Response:
        """The next tiles, or those of another search."""
        days, more = await self._listed(request)
        filtered = any(request.query_params.get(name) for name in FILTERS)
        meant = await self._meant(request, any_found=bool(days))
        return self.pages.fragment(request, "tiles", days=days, more=more, meant=meant, filtered=filtered)

    async def find(self, request: Request) -> Response:
        """The newest tasks with the words asked for, as links with their pictures; a task's id finds it."""
        account, words = session_of(request).key.account, request.query_params.get("q", "").strip()
        if is_uuid(words):
            seen = await self.services.read.many(account, [TaskId(words)])
        else:
            filter_, _ = read_query(request, STATUSES)
            seen = (await self.services.list_tasks(account, filter_, after=None, limit=FOUND)).tasks
        maker = self.shown.maker(request)
        cards, meant = [maker.card(each) for each in seen], await self._meant(request, any_found=bool(seen))
        return self.pages.fragment(request, "found", cards=cards, meant=meant)

    async def rail(self, request: Request) -> Response:
        """How many tasks of the filter there are, by day and month, each with the address that begins there."""
        filter_, _ = read_query(request, STATUSES)
        account = session_of(request).key.account
        days = await self.services.store.read(lambda records: records.task_lists.days(account, filter_))
        asked = {name: value for name in FILTERS if name != "until" and (value := request.query_params.get(name))}
        marks = date_rail(days, self.services.clock.now_ms() // DAY_MS, asked, texts_for(request))
        return self.pages.fragment(request, "rail", marks=marks, total=sum(count for _, count in days))

    async def zip(self, request: Request) -> Response:
        """The pictures of the named tasks as one archive, in their order."""
        form, account = await form_of(request), session_of(request).key.account
        return await zip_of(self.services, account, _ids(form.getlist("id")))

    async def keep(self, request: Request) -> Response:
        """Set or remove the mark of the named tasks; scripts get the number of changed ones."""
        form = await form_of(request)
        kept = str(form.get("kept", "true")) == "true"
        ids = _ids(form.getlist("id"))
        for task in ids:
            await self.services.keep_task(session_of(request).key.account, task, kept=kept)
        return self._done(request, {"kept": kept, "changed": len(ids)})

    async def erase(self, request: Request) -> Response:
        """Erase the named tasks in ten seconds, whether or not the page stays; kept and unfinished ones stay."""
        form, account = await form_of(request), session_of(request).key.account
        planned = await self.services.erase_later(
            account, _ids(form.getlist("id")), grace_s=GRACE_S, even_kept=False, actor="studio"
        )
        derived = len({task for tasks in planned.derived.values() for task in tasks})
        figures = {"kept": len(planned.kept), "unfinished": len(planned.unfinished), "derived": derived}
        return self._done(request, {"erasing": list(planned.erasing), "grace_s": GRACE_S} | figures)

    async def undo(self, request: Request) -> Response:
        form, account = await form_of(request), session_of(request).key.account
        restored = await self.services.erase_later.undo(account, _ids(form.getlist("id")), actor="studio")
        return self._done(request, {"restored": list(restored)})

    def _done(self, request: Request, figures: dict[str, object]) -> Response:
        if "hx-request" in request.headers:
            return JSONResponse(figures)
        return RedirectResponse(f"{root_of(request)}/history", 303)

    async def _meant(self, request: Request, *, any_found: bool) -> str:
        """What the words that found nothing may have meant."""
        words = request.query_params.get("q", "").strip()
        if any_found or not words or is_uuid(words):
            return ""
        return await near_words(self.services.list_tasks, session_of(request).key.account, words)

    async def _listed(self, request: Request) -> tuple[Sequence[HistoryDay], str | None]:
        """A page of tiles by day, and the query of the page after it."""
        filter_, query = read_query(request, STATUSES)
        found = await self.services.list_tasks(session_of(request).key.account, filter_, after=query.after, limit=TILES)
        maker = self.shown.maker(request)
        cards = [maker.card(seen) for seen in found.tasks]
        asked = {name: value for name in FILTERS if (value := request.query_params.get(name))}
        more = urlencode(asked | {"after": found.next}) if found.next else None
        return list(_by_day(found.tasks, cards, self.services.clock.now_ms(), texts_for(request))), more


def _by_day(tasks: Sequence[TaskView], cards: Sequence[FeedCard], now_ms: int, t: Texts) -> Iterable[HistoryDay]:
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    dated = zip((datetime.fromtimestamp(seen.task.created_ms / 1000, UTC).date() for seen in tasks), cards, strict=True)
    for day, of_day in groupby(dated, key=lambda each: each[0]):
        title = t("Today") if day == today else f"{day:%A} {day.day} {day:%B}"
        title += f" {day.year}" if day.year != today.year else ""
        yield HistoryDay(f"d{day.isoformat()}", title, [card for _, card in of_day])


def _ids(given: Sequence[object]) -> list[TaskId]:
    return [TaskId(str(each)) for each in given[:MAX_SELECTED]]
