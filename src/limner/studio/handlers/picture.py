"""The page of one picture: what it shows, what was told to whom, and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from limner.api.service_container import Services
from limner.application.explain import Explanation
from limner.application.library.lineage import Lineage
from limner.db.tables.attempts import Attempt
from limner.domain.ids import BlobId, TaskId
from limner.domain.tasks.task import Task
from limner.studio.cards.card import FeedCard
from limner.studio.cards.read import Cards
from limner.studio.composer.form import request_body
from limner.studio.composer.quote_words import prompt_parts
from limner.studio.handlers.account import clock
from limner.studio.local_links import LocalLinks
from limner.studio.page import Pages
from limner.studio.picture.differences import differences
from limner.studio.picture.programs import programs
from limner.studio.picture.story import ReadStory
from limner.studio.session import session_of
from limner.studio.texts import Texts, texts_for
from limner.studio.vendor_titles import in_queue_of, vendor_title


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One bar of the waterfall; `start` and `width` are percent of the task's life."""

    name: str
    start: float
    width: float
    tone: str
    took: str
    more: str


@dataclass(frozen=True, slots=True)
class GivenPicture:
    """A reference as the page shows it; `task` and `thumb` are set for the picture of an earlier task."""

    what: str
    task: str = ""
    thumb: str = ""


@dataclass(frozen=True, slots=True)
class PictureHandlers:
    services: Services
    shown: Cards
    read_story: ReadStory
    pages: Pages

    async def page(self, request: Request) -> Response:
        key, t = session_of(request).key, texts_for(request)
        task_id = TaskId(request.path_params["task_id"])
        story = await self.read_story(key.account, task_id)
        seen, told = story.seen, story.told
        card = self.shown.maker(request).card(seen, told.attempts)
        view = request.query_params.get("view", "")
        shown = next((each for each in card.pictures if each.name == view), card.pictures[0] if card.pictures else None)
        return await self.pages.page(
            request,
            "picture",
            card=card,
            task=seen.task,
            shown=shown,
            newer=story.newer,
            older=story.older,
            told=prompt_parts(told.composed, t) if told.composed else (),
            told_length=len(told.composed.text) if told.composed else 0,
            given=given_pictures(told, self.services, t),
            ignored=told.ignored,
            ledger=told.ledger,
            held_ms=next((each.at_ms for each in told.ledger if each.movement == "hold"), None),
            paid_ms=next((each.at_ms for each in told.ledger if each.movement == "settle"), None),
            took_s=(seen.task.finished_ms - seen.task.created_ms) / 1000 if seen.task.finished_ms else None,
            size=story.sizes.get(_blob_of(seen.task, shown.name), 0) if shown else 0,
            made_with=story.made_with,
            attempts=waterfall(told, self.services.clock.now_ms(), t),
            vendor_usd=_vendor_usd(told.attempts),
            made_by=self._made_by(seen.task, t),
            relatives=self._relatives(request, story.lineage, task_id),
            programs=programs(request_body(seen)),
            clock=clock,
            balance=story.balance,
        )

    async def thumb(self, request: Request) -> Response:
        """Leads to the small copy of one of the task's pictures, by default of the first."""
        task = TaskId(request.path_params["task_id"])
        await self.services.read(session_of(request).key.account, task)
        name, now_ms = request.query_params.get("name") or None, self.services.clock.now_ms()
        return RedirectResponse(LocalLinks(self.services.links).thumbnail(task, now_ms, name=name), 303)

    async def compare(self, request: Request) -> Response:
        """What differs between two tasks, in words."""
        a, b = (TaskId(request.query_params.get(name, "")) for name in "ab")
        one, other = await self.read_story.pair(session_of(request).key.account, a, b)
        rows = differences(one, other, self.services.routing.models, texts_for(request))
        return self.pages.fragment(request, "differences", rows=rows)

    def _made_by(self, task: Task, t: Texts) -> tuple[str, str, bool] | None:
        """(vendor, its name of the model, whether a model drew it) of a finished picture."""
        served = task.served_by
        if not served:
            return None
        return vendor_title(str(served["provider"]), t), str(served.get("model", "")), bool(served.get("generative"))

    def _relatives(
        self, request: Request, lineage: Lineage, task: TaskId
    ) -> tuple[Sequence[FeedCard], Sequence[FeedCard]]:
        """The cards of the tasks that this one was made from, and of those made from it."""
        maker = self.shown.maker(request)
        cards = {seen.task.id: maker.card(seen) for seen in lineage.tasks}
        parents = dict.fromkeys(edge.parent for edge in lineage.edges if edge.task == task)
        children = dict.fromkeys(edge.task for edge in lineage.edges if edge.parent == task)
        return [cards[each] for each in parents if each in cards], [cards[each] for each in children if each in cards]


def given_pictures(told: Explanation, services: Services, t: Texts) -> Sequence[GivenPicture]:
    """The reference pictures in the order in which the vendor got them: the caller's, then the template's."""
    now_ms, given = services.clock.now_ms(), list[GivenPicture]()
    for each in told.inputs:
        if parent := told.parents.get(each.field):
            given.append(
                GivenPicture(t("an earlier picture"), parent, LocalLinks(services.links).thumbnail(parent, now_ms))
            )
        else:
            given.append(GivenPicture(each.url or t("a picture of yours")))
    count = told.composed.template_pictures if told.composed else 0
    return [*given, *[GivenPicture(t("the template’s, sent after yours"))] * count]


def waterfall(told: Explanation, now_ms: int, t: Texts) -> Sequence[AttemptRow]:
    """The wait in the queue, then each attempt, as bars over the task's life."""
    task = told.task
    life = _Life(task.created_ms, task.finished_ms or now_ms)
    rows = [life.row(t("queued"), (task.created_ms, task.started_ms or life.end_ms), "wait")]
    for number, each in enumerate(told.attempts, start=1):
        vendor, tone = vendor_title(each.provider, t), "rd" if each.reason else "b1"
        name = t("{vendor}, try {n}", vendor=vendor, n=number) if len(told.attempts) > 1 else vendor
        ended_ms = each.closed_ms or each.delivered_ms or life.end_ms
        begun_ms = each.intended_ms
        if each.vendor_queued_ms is not None:
            begun_ms = each.working_ms or ended_ms
            rows.append(life.row(in_queue_of(each.provider, t), (each.vendor_queued_ms, begun_ms), "wait"))
        if not each.in_vendors_queue:
            rows.append(life.row(name, (begun_ms, ended_ms), tone, each.detail or each.reason or ""))
    if task.result and told.attempts and task.finished_ms:
        kept_ms = max(each.delivered_ms or each.closed_ms or task.finished_ms for each in told.attempts)
        rows.append(life.row(t("checked, kept"), (min(kept_ms, task.finished_ms), task.finished_ms), "lf"))
    return rows


@dataclass(frozen=True, slots=True)
class _Life:
    """The time of a task from its creation to its end, that bars are drawn over."""

    start_ms: int
    end_ms: int

    def row(self, name: str, period: tuple[int, int], tone: str, more: str = "") -> AttemptRow:
        begin, end = period
        span = max(1, self.end_ms - self.start_ms)
        start = min(99.0, (begin - self.start_ms) / span * 100)
        width = max(1.0, (end - begin) / span * 100)
        return AttemptRow(name, round(start, 1), round(width, 1), tone, f"{(end - begin) / 1000:.1f} s", more)


def _blob_of(task: Task, name: str) -> BlobId:
    return task.result.pictures()[name].blob if task.result else BlobId("")


def _vendor_usd(attempts: Sequence[Attempt]) -> float | None:
    costs = [each.cost_usd for each in attempts if each.cost_usd is not None]
    return sum(costs) if costs else None
