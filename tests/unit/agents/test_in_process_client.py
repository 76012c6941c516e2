"""A call over HTTP waits for its task by an event, and polls only where it may not watch."""

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from limner.agents.in_process import InProcessTransport
from limner.agents.in_process_client import InProcessClient
from limner_client import NothingFound

TASK = "00000000-0000-4000-8000-000000000001"


class Api:
    """The calls that a wait makes, and the paths and keys of those that came."""

    def __init__(self, *statuses: str) -> None:
        self.called: list[str] = []
        self.keys: set[str] = set()
        self._statuses = statuses

    def client(self) -> InProcessClient:
        routes = [
            WebSocketRoute("/v2/openapi/task/watch/{task}", self._watch),
            Route("/v2/openapi/task/batch", self._batch, methods=["POST"]),
        ]
        scope = {"type": "http", "headers": [], "server": ("limner.test", 80), "asgi": {"version": "3.0"}}
        return InProcessClient("tsk_key", InProcessTransport(Starlette(routes=routes), scope))

    async def _watch(self, socket: WebSocket) -> None:
        self.called.append("watch")
        self.keys.add(socket.headers["authorization"])
        if not self._statuses:
            await socket.close(1008)
            return
        await socket.accept()
        for status in self._statuses:
            await socket.send_json({"event": "update", "data": _task(status)})
        await socket.close()

    async def _batch(self, request: Request) -> JSONResponse:
        self.called.append("batch")
        wanted = (await request.json())["task_ids"]
        found = {each: _task("success") for each in wanted if each == TASK}
        missed = [each for each in wanted if each != TASK]
        return JSONResponse({"code": 0, "data": {"tasks": found, "missed": missed}})


def _task(status: str) -> dict[str, Any]:
    return {"task_id": TASK, "status": status, "progress": 100, "output": {}}


async def test_the_watch_of_the_task_tells_its_end() -> None:
    api, seen = Api("queued", "running", "success"), list[str]()

    task = await api.client().wait(TASK, on_progress=lambda each: seen.append(each.status))

    assert task.status == "success"
    assert seen == ["queued", "running", "success"]
    assert api.called == ["watch"]
    assert api.keys == {"Bearer tsk_key"}


async def test_a_watch_that_is_refused_is_replaced_by_polls() -> None:
    api = Api()

    task = await api.client().wait(TASK)

    assert task.status == "success"
    assert api.called == ["watch", "batch"]


async def test_a_watch_that_ends_before_its_task_is_replaced_by_polls() -> None:
    api = Api("queued")

    task = await api.client().wait(TASK)

    assert task.status == "success"
    assert api.called == ["watch", "batch"]


async def test_what_names_no_task_is_not_watched() -> None:
    """`all` would name the watch of the whole account."""
    api = Api("success")

    with pytest.raises(NothingFound):
        await api.client().wait("all")

    assert api.called == ["batch"]
