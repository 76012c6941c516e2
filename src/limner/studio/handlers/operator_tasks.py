"""The lists behind the operator's figures: tasks of all accounts, one task with its attempts, failed attempts."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from limner.api.library.query import read_query
from limner.api.service_container import OperatorServices
from limner.application.read import TaskView
from limner.db.records import Records
from limner.db.tables.operations.admin_pages import FailedAttempt
from limner.domain.ids import AccountId, TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.listing import TaskFilter
from limner.domain.tasks.task import Task
from limner.studio.composer.quote_words import prompt_parts
from limner.studio.handlers.account import when
from limner.studio.handlers.history import STATUSES
from limner.studio.local_links import LocalLinks
from limner.studio.page import Pages
from limner.studio.session import root_of, session_of
from limner.studio.texts import texts_for

TASKS, FAILURES = 100, 500
HOUR_MS = 3_600_000
LONGEST_HOURS = 24 * 365
FILTERS = ("q", "account", "model", "status", "since", "until")

EVERY_STATUS = STATUSES | {each.value: (each,) for group in STATUSES.values() for each in group}
"""The history's groups, and each status by itself."""


@dataclass(frozen=True, slots=True)
class OperatorTaskPages:
    operators: OperatorServices
    pages: Pages

    async def tasks(self, request: Request) -> Response:
        asked = {name: value for name in FILTERS if (value := request.query_params.get(name, ""))}
        filter_, query = read_query(request, EVERY_STATUS)
        names = await self.operators.store.read(_names)
        owner = _named(names, asked["account"]) if "account" in asked else None
        found = await self.operators.list_tasks(owner, _with_erased(filter_), after=query.after, limit=TASKS)
        return await self.pages.page(
            request,
            "operator_tasks",
            tasks=[each.task for each in found.tasks],
            more=urlencode(asked | {"after": found.next}) if found.next else None,
            asked={name: asked.get(name, "") for name in FILTERS},
            names=names,
            statuses=tuple(EVERY_STATUS),
            when=when,
        )

    async def task(self, request: Request) -> Response:
        seen = await self._seen(request)
        told = await self.operators.explain(None, seen.task.id)
        names = await self.operators.store.read(_names)
        return await self.pages.page(
            request,
            "operator_task",
            task=seen.task,
            ahead=seen.ahead,
            account=names.get(seen.task.account, seen.task.account),
            told=told,
            parts=prompt_parts(told.composed, texts_for(request)) if told.composed else (),
            thumbs=self._thumbs(seen.task),
            when=when,
        )

    async def cancel(self, request: Request) -> Response:
        """Cancel a task of any account; the audit log says who did."""
        task = (await self._seen(request)).task
        await self.operators.cancel(None, task.id)
        actor, now_ms = f"key {session_of(request).key.id}", self.operators.clock.now_ms()
        await self.operators.store.run(lambda records: records.audit_log.add(actor, "task.cancel", task.id, {}, now_ms))
        return RedirectResponse(f"{root_of(request)}/operator/tasks/{task.id}", 303)

    async def failures(self, request: Request) -> Response:
        """Failed attempts of a period, the newest first; of one kind or route where one is named."""
        hours, kind = _hours(request), request.query_params.get("kind", "")
        route, now_ms = request.query_params.get("route", ""), self.operators.clock.now_ms()

        def work(records: Records) -> Sequence[FailedAttempt]:
            return records.admin_pages.failures(now_ms - hours * HOUR_MS, (now_ms + 1, ""), FAILURES)

        rows = [
            each
            for each in await self.operators.store.read(work)
            if (not kind or each.kind == kind) and (not route or each.route == route)
        ]
        return await self.pages.page(
            request,
            "operator_failures",
            rows=rows,
            names=await self.operators.store.read(_names),
            hours=hours,
            kind=kind,
            route=route,
            when=when,
        )

    async def _seen(self, request: Request) -> TaskView:
        return await self.operators.read(None, TaskId(request.path_params["task_id"]))

    def _thumbs(self, task: Task) -> Sequence[str]:
        now_ms = self.operators.clock.now_ms()
        names = task.result.pictures() if task.result else {}
        links = LocalLinks(self.operators.links)
        return [links.thumbnail(task.id, now_ms, name=name) for name in names]


def _names(records: Records) -> dict[str, str]:
    """The names of all accounts by their ids."""
    return {each.id: each.name for each in records.accounts.all()}


def _named(names: dict[str, str], name: str) -> AccountId:
    for account, known in names.items():
        if known == name:
            return AccountId(account)
    raise Refusal(
        Code.INVALID,
        f"there is no account {name[:60]!r}",
        suggestion="The operator's page lists them.",
        field="account",
    )


def _with_erased(filter_: TaskFilter) -> TaskFilter:
    return TaskFilter(
        search=filter_.search,
        model=filter_.model,
        statuses=filter_.statuses,
        since_ms=filter_.since_ms,
        until_ms=filter_.until_ms,
        unlisted=True,
    )


def _hours(request: Request) -> int:
    text = request.query_params.get("hours", "24")
    return min(int(text), LONGEST_HOURS) if text.isascii() and text.isdigit() and 0 < len(text) < 6 else 24
