"""The page of one picture: what it shows, what was told to whom, and what it cost."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from limner.api.service_container import Services
from limner.application.library.lineage import Lineage
from limner.application.tasks.explain import Explain, Explanation
from limner.db.tables.attempts import Attempt
from limner.domain.ids import TaskId
from limner.ports.templates import Templates
from limner.studio.cards import FeedCard
from limner.studio.composer_form import request_body
from limner.studio.handlers.make import card_maker
from limner.studio.page import Pages
from limner.studio.session import session_of
from limner.studio.texts import Texts, texts_for


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
class PictureHandlers:
    services: Services
    templates: Templates
    explain: Explain
    pages: Pages

    async def page(self, request: Request) -> Response:
        key, t = session_of(request).key, texts_for(request)
        task_id = TaskId(request.path_params["task_id"])
        seen = await self.services.read(key.account, task_id)
        told = await self.explain(key.account, task_id)
        lineage = await self.services.lineage(key.account, task_id)
        newer, older = await self.services.read.neighbours(key.account, task_id)
        card = card_maker(request, self.services, self.templates).card(seen)
        view = request.query_params.get("view", "")
        shown = next((each for each in card.pictures if each.name == view), card.pictures[0] if card.pictures else None)
        return await self.pages.page(
            request,
            "picture",
            card=card,
            task=seen.task,
            shown=shown,
            newer=newer,
            older=older,
            told=told.composed.text if told.composed else "",
            attempts=waterfall(told, self.services.clock.now_ms(), t),
            vendor_usd=_vendor_usd(told.attempts),
            served=seen.task.served_by,
            relatives=self._relatives(request, lineage, task_id),
            programs=programs(request_body(seen)),
        )

    def _relatives(
        self, request: Request, lineage: Lineage, task: TaskId
    ) -> tuple[Sequence[FeedCard], Sequence[FeedCard]]:
        """The cards of the tasks that this one was made from, and of those made from it."""
        maker = card_maker(request, self.services, self.templates)
        cards = {seen.task.id: maker.card(seen) for seen in lineage.tasks}
        parents = dict.fromkeys(edge.parent for edge in lineage.edges if edge.task == task)
        children = dict.fromkeys(edge.task for edge in lineage.edges if edge.parent == task)
        return [cards[each] for each in parents if each in cards], [cards[each] for each in children if each in cards]


def waterfall(told: Explanation, now_ms: int, t: Texts) -> Sequence[AttemptRow]:
    """The wait in the queue, then each attempt, as bars over the task's life."""
    task = told.task
    life = _Life(task.created_ms, task.finished_ms or now_ms)
    rows = [life.row(t("queued"), (task.created_ms, task.started_ms or life.end_ms), "b3")]
    for number, each in enumerate(told.attempts, start=1):
        name, tone = t("{provider}, try {n}", provider=each.provider, n=number), "rd" if each.reason else "b1"
        ended_ms = each.closed_ms or each.delivered_ms or life.end_ms
        rows.append(life.row(name, (each.intended_ms, ended_ms), tone, each.reason or ""))
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


def _vendor_usd(attempts: Sequence[Attempt]) -> float | None:
    costs = [each.cost_usd for each in attempts if each.cost_usd is not None]
    return sum(costs) if costs else None


def programs(body: dict[str, Any]) -> Sequence[tuple[str, str, str]]:
    """(name, title, code): the same request as curl, Python and JSON. The key is read from $KEY."""
    pretty = json.dumps(body, ensure_ascii=False, indent=2)
    quoted = pretty.replace("'", "'\\''")
    curl = f'curl -s "$URL/v2/openapi/task" -H "Authorization: Bearer $KEY" -d \'{quoted}\''
    python = (
        "import json, os, urllib.request\n\n"
        f"body = json.loads({pretty!r})\n"
        'request = urllib.request.Request(\n    os.environ["URL"] + "/v2/openapi/task",\n'
        "    json.dumps(body).encode(),\n"
        '    {"Authorization": "Bearer " + os.environ["KEY"], "Content-Type": "application/json"},\n)\n'
        "print(json.load(urllib.request.urlopen(request)))\n"
    )
    return [("curl", "curl", curl), ("python", "Python", python), ("json", "JSON", pretty)]
