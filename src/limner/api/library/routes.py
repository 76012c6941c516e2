"""The calls of the library, for either API."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from limner.api.files import picture_answer
from limner.api.http.authentication import caller
from limner.api.http.bodies.json_body import parse
from limner.api.http.operation import Endpoint, Operation
from limner.api.library import openapi
from limner.api.library.archive import zip_of
from limner.api.library.bodies import read_erasure, read_selection, selection
from limner.api.library.explanation import ExplanationBody
from limner.api.library.face import ApiFace
from limner.api.library.query import read_query
from limner.api.service_container import Services
from limner.application.images.open_picture import images_of
from limner.application.library.thumbnails import picture_of
from limner.application.read import TaskView, own_task
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId
from limner.domain.refusal import Code, Refusal
from limner.ports.blobs import BlobMissing

Row = Callable[[str, str, Endpoint, str, Mapping[str, Any]], Operation]


def operations(services: Services, face: ApiFace) -> list[Operation]:
    """All calls of the library. Put them before the call that reads `{task_id}`: a list's path may look like one."""
    handle = LibraryHandlers(services, face)

    def row(scope: str) -> Row:
        def operation(
            method: str, path: str, endpoint: Endpoint, summary: str, described: Mapping[str, Any]
        ) -> Operation:
            return Operation(method, face.prefix + path, endpoint, face.tag, summary, described, scope)

        return operation

    reads, changes = row("read"), row("generate")
    one, some = face.task_path, face.tasks_path
    kept = openapi.keeping(face)
    return [
        reads("GET", face.list_path, handle.list, "List and search tasks, the newest first", openapi.listing(face)),
        reads("GET", f"{some}/zip", handle.zip_named, "Download pictures as a zip archive", openapi.zip_named(face)),
        reads("POST", f"{some}/zip", handle.zip_posted, "Download many pictures as a zip", openapi.zip_posted(face)),
        reads("GET", f"{one}/lineage", handle.lineage, "What a task was made from, and into", openapi.lineage(face)),
        reads("GET", f"{one}/original", handle.original, "Download the vendor's own file", openapi.original(face)),
        reads("GET", f"{one}/explain", handle.explain, "Explain what became of a task", openapi.explaining(face)),
        changes("PUT", f"{one}/kept", handle.keep, "Keep a task's pictures, whatever retention says", kept),
        changes("DELETE", f"{one}/kept", handle.unkeep, "Keep a task's pictures no longer", kept),
        changes("POST", f"{some}/erase", handle.erase, "Erase tasks, with time to undo it", openapi.erasing(face)),
        changes("POST", f"{some}/erase/undo", handle.undo, "Undo an erasure", openapi.undoing(face)),
    ]


@dataclass(frozen=True, slots=True)
class LibraryHandlers:
    """Request handlers, one method per operation."""

    services: Services
    face: ApiFace

    async def list(self, request: Request) -> Response:
        key = caller(request)
        filter_, query = read_query(request, self.face.statuses)
        found = await self.services.list_tasks(key.account, filter_, after=query.after, limit=query.limit)
        tasks = [self._listed(key, seen) for seen in found.tasks]
        return self.face.success({"tasks": tasks, "next": found.next})

    async def keep(self, request: Request) -> Response:
        return await self._kept(request, kept=True)

    async def unkeep(self, request: Request) -> Response:
        return await self._kept(request, kept=False)

    async def _kept(self, request: Request, *, kept: bool) -> Response:
        key = caller(request)
        seen = await self.services.keep_task(key.account, _task(request), kept=kept)
        return self.face.success(self.face.task_body(key, seen))

    async def erase(self, request: Request) -> Response:
        key = caller(request)
        asked, _ = await parse(request, read_erasure)
        planned = await self.services.erase_later(
            key.account, asked.ids, grace_s=asked.grace_s, even_kept=asked.even_kept, actor=f"key {key.id}"
        )
        return self.face.success(
            {
                f"erase{self.face.moment_suffix}": self.face.moment(planned.at_ms),
                "erasing": planned.erasing,
                "kept": planned.kept,
                "unfinished": planned.unfinished,
                "missed": planned.missed,
                "derived": planned.derived,
            }
        )

    async def undo(self, request: Request) -> Response:
        key = caller(request)
        asked, _ = await parse(request, read_selection)
        restored = await self.services.erase_later.undo(key.account, asked.ids, actor=f"key {key.id}")
        missed = [each for each in asked.ids if each not in set(restored)]
        return self.face.success({"restored": restored, "missed": missed})

    async def lineage(self, request: Request) -> Response:
        key, task = caller(request), _task(request)
        found = await self.services.lineage(key.account, task)
        edges = [{"task_id": each.task, "field": each.field, "parent_id": each.parent} for each in found.edges]
        tasks = {seen.task.id: self._listed(key, seen) for seen in found.tasks}
        return self.face.success({"task_id": task, "tasks": tasks, "edges": edges, "complete": found.complete})

    async def original(self, request: Request) -> Response:
        """The vendor's bytes, with its own manifest unbroken and without our marks."""
        key, task_id = caller(request), _task(request)
        task = await self.services.store.read(lambda records: own_task(records, key.account, task_id))
        name = request.query_params.get("name")
        result = picture_of(task, name)
        named = next(each for each, of in images_of(task).items() if of is result)
        try:
            opened = await self.services.open_picture.original(task, named)
        except BlobMissing:
            raise Refusal(
                Code.FILE_NOT_FOUND, "there is no such picture", suggestion="Read the task again.", field="path"
            ) from None
        return picture_answer(request, f"{named}-original.{result.extension}", opened)

    async def explain(self, request: Request) -> Response:
        key = caller(request)
        body = ExplanationBody(self.face, with_costs="admin" in key.scopes)
        return self.face.success(body(await self.services.explain(key.account, _task(request))))

    async def zip_named(self, request: Request) -> Response:
        ids = [each for each in request.query_params.get("task_ids", "").split(",") if each]
        return await self._zip(request, selection(ids).ids)

    async def zip_posted(self, request: Request) -> Response:
        asked, _ = await parse(request, read_selection)
        return await self._zip(request, asked.ids)

    async def _zip(self, request: Request, ids: Sequence[TaskId]) -> Response:
        return await zip_of(self.services, caller(request).account, ids)

    def _listed(self, key: Key, seen: TaskView) -> dict[str, Any]:
        """A task with a link to its thumbnail, while it has a picture."""
        body = self.face.task_body(key, seen)
        if seen.task.result:
            body["thumbnail_url"] = self.services.links.thumbnail(seen.task.id, self.services.clock.now_ms())
        return body


def _task(request: Request) -> TaskId:
    return TaskId(request.path_params["task_id"])
