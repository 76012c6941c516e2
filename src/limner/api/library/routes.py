"""The calls of the library, for either API."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.authentication import caller
from limner.api.http.operation import Endpoint, Operation
from limner.api.library import openapi
from limner.api.library.face import ApiFace
from limner.api.library.query import read_query
from limner.api.service_container import Services

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

    reads = row("read")
    return [
        reads("GET", face.list_path, handle.list, "List and search tasks, the newest first", openapi.listing(face)),
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
        tasks = [self.face.task_body(key, seen) for seen in found.tasks]
        return self.face.success({"tasks": tasks, "next": found.next})
