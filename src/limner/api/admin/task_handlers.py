"""Tasks of all accounts."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from limner.api.admin.handlers import account_id, actor, body, note, page, query, success
from limner.api.admin.wire import AdminErasure, AdminKeep, AdminTaskPage
from limner.api.service_container import OperatorServices
from limner.application.read import TaskView
from limner.db.records import Records
from limner.domain.ids import TaskId
from limner.domain.prompts.template import normalise_slug
from limner.domain.tasks.listing import TaskFilter, moment_of
from limner.domain.tasks.search import search_terms
from limner.domain.tasks.task import Task


@dataclass(frozen=True, slots=True)
class TaskAdmin:
    services: OperatorServices

    async def list(self, request: Request) -> Response:
        asked = query(request, AdminTaskPage)
        owner = await account_id(self.services, asked.account) if asked.account else None
        found = await self.services.list_tasks(owner, _filter(asked), after=asked.after or None, limit=asked.limit)
        shown = page([asdict(seen.task) for seen in found.tasks], asked.limit, lambda _row: "")
        return success(shown | {"next": found.next})

    async def show(self, request: Request) -> Response:
        seen = await self.services.read(None, _task(request))
        return success(await self._shown(seen))

    async def explain(self, request: Request) -> Response:
        return success(asdict(await self.services.explain(None, _task(request))))

    async def lineage(self, request: Request) -> Response:
        found = await self.services.lineage(None, _task(request))
        tasks = [asdict(seen.task) for seen in found.tasks]
        return success({"tasks": tasks, "edges": found.edges, "complete": found.complete})

    async def cancel(self, request: Request) -> Response:
        task = await self.services.cancel(None, _task(request))
        await note(self.services, request, "task.cancel", task.id, {})
        return success(asdict(task))

    async def keep(self, request: Request) -> Response:
        kept = (await body(request, AdminKeep)).kept
        seen = await self.services.keep_task(None, _task(request), kept=kept)
        await note(self.services, request, "task.keep", seen.task.id, {"kept": kept})
        return success(asdict(seen.task))

    async def erase(self, request: Request) -> Response:
        by = (await body(request, AdminErasure)).by
        erase = replace(self.services.erase_account.erase, actor=actor(request))
        receipt = await erase(None, _task(request), by)
        await self.services.scrub()
        return success(receipt)

    async def _shown(self, seen: TaskView) -> dict[str, Any]:
        """A task with the links to its pictures, its place in the queue and the receipt of its erasure."""
        task = seen.task

        def work(records: Records) -> dict[str, Any]:
            owner = records.accounts.get(task.account)
            pictures = self._links(task, owner.tag) if owner else {}
            return {
                "account": owner and owner.name,
                "pictures": pictures,
                "erasure": records.retention.erasure(task.id),
            }

        return {"task": asdict(task), "ahead": seen.ahead, **await self.services.store.read(work)}

    def _links(self, task: Task, tag: str) -> dict[str, str]:
        pictures, now_ms = task.result.pictures() if task.result else {}, self.services.clock.now_ms()
        link = self.services.links.picture
        return {name: link(tag, task.id, each.extension, now_ms, name=name) for name, each in pictures.items()}


def _filter(asked: AdminTaskPage) -> TaskFilter:
    return TaskFilter(
        search=search_terms(asked.q),
        model=asked.model,
        template=normalise_slug(asked.template) if asked.template else None,
        statuses=(asked.status,) if asked.status else (),
        since_ms=moment_of("since", asked.since) if asked.since else None,
        until_ms=moment_of("until", asked.until) if asked.until else None,
        unlisted=True,
    )


def _task(request: Request) -> TaskId:
    return TaskId(request.path_params["task_id"])
