"""Recorded calls against a server that answers as a test tells it to."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from limner.replay.player import PlayedCall, Player
from limner.replay.recording import RecordedCall

TASK, LINK = "11111111-2222-3333", "https://cdn.example.org/1.png?sig=abc"


@dataclass
class Desk:
    """What was asked, and the answers by path; the last of them is given again and again."""

    url: str = ""
    answers: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.path, dict(request.headers), await request.read()))
        waiting = self.answers.get(request.path, [{}])
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        made: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = answer if callable(answer) else None
        return await made(request) if made else web.json_response(answer)

    async def plays(self, *calls: RecordedCall) -> list[PlayedCall]:
        return [each async for each in Player(self.url, "new-key", task_timeout_s=20).play(calls)]

    def bodies(self) -> list[Any]:
        return [json.loads(body) for *_, body in self.asked]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", desk.handle)
    async with TestServer(app) as server:
        desk.url = str(server.make_url("")).rstrip("/")
        yield desk


def call(path: str, shape: Any = None, *, method: str = "GET", body: Any = None, **more: Any) -> RecordedCall:
    return RecordedCall(1, method, path, {}, json.dumps(body).encode() if body is not None else b"", 200, shape, **more)


def task_body(status: str, task: str = TASK) -> dict[str, Any]:
    return {"code": 0, "data": {"task_id": task, "status": status}}


async def test_an_answer_that_comes_in_pieces_is_read_to_its_end(desk: Desk) -> None:
    async def in_pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b'{"a"', b": 1}"):
            await response.write(piece)
            await asyncio.sleep(0.02)
        return response

    desk.answers = {"/x": [in_pieces]}

    [played] = await desk.plays(call("/x", {"a": 2}))

    assert played.differences == ()


async def test_a_task_is_read_until_it_has_ended(desk: Desk) -> None:
    desk.answers = {f"/task/{TASK}": [task_body("queued"), task_body("running"), task_body("success")]}

    [played] = await desk.plays(call(f"/task/{TASK}", task_body("success")))

    assert played.differences == ()
    assert len(desk.asked) == 3


async def test_what_makes_a_task_is_sent_once_although_it_had_ended_in_the_recorded_answer(desk: Desk) -> None:
    desk.answers = {"/task": [task_body("running", "another")]}

    [played] = await desk.plays(call("/task", task_body("success"), method="POST", body={}))

    assert len(desk.asked) == 1
    assert played.differences == ("data.status: success expected, got running",)


async def test_later_calls_use_the_server_s_names(desk: Desk) -> None:
    desk.answers = {"/task": [{"data": {"task_id": "aaaa-bbbb", "url": f"{desk.url}/a.png"}}]}
    made = {"data": {"task_id": TASK, "url": LINK}}

    await desk.plays(
        call("/task", made, method="POST"),
        call(f"/task/{TASK}", method="POST", body={"original": TASK, "say": "an ü"}),
        call(LINK, foreign=True),
    )

    assert [path for _, path, *_ in desk.asked] == ["/task", "/task/aaaa-bbbb", "/a.png"]
    assert json.loads(desk.asked[1][3]) == {"original": "aaaa-bbbb", "say": "an ü"}


async def test_a_name_in_any_script_is_carried_over(desk: Desk) -> None:
    desk.answers = {"/upload": [{"key": "uploads/猫の絵.png"}]}

    await desk.plays(call("/upload", {"key": "uploads/cat.png"}), call("/x", body={"key": "uploads/cat.png"}))

    assert json.loads(desk.asked[1][3]) == {"key": "uploads/猫の絵.png"}


async def test_what_the_client_said_first_stays_as_it_said_it(desk: Desk) -> None:
    """The server understood another media type and another model: that is no new name for them."""
    desk.answers = {"/x": [{"type": "image/png", "model": "model_name_2"}]}
    body = {"type": "image/jpeg", "model": "model_name_1"}

    await desk.plays(call("/x", body, method="POST", body=body), call("/y", method="POST", body=body))

    assert desk.bodies() == [body, body]


async def test_the_key_goes_to_the_server_and_to_no_address_that_only_begins_like_its_own(desk: Desk) -> None:
    begins_alike = Player(desk.url[:-1], "new-key", names={LINK: f"{desk.url}/a.png"})

    [played] = [each async for each in begins_alike.play([call(LINK, foreign=True)])]
    await desk.plays(call("/x"))

    assert played.status == 200
    assert [headers.get("Authorization") for *_, headers, _ in desk.asked] == [None, "Bearer new-key"]


@pytest.mark.parametrize("path", ["@evil.example.org/", ".evil.example.org/", "task"])
async def test_an_address_that_no_answer_gave_is_not_asked(desk: Desk, path: str) -> None:
    [played] = await desk.plays(call(path))

    assert played.skipped == "no answer contained its address"
    assert desk.asked == []


async def test_a_websocket_is_passed_over(desk: Desk) -> None:
    [played] = await desk.plays(RecordedCall(1, "GET", "/watch", status=101))

    assert played.skipped == "a WebSocket connection"


async def test_signatures_in_an_address_are_not_shown(desk: Desk) -> None:
    played = await desk.plays(
        call("/x?page=2&X-Amz-Signature=abc&token=s3cret"), call("https://cdn.example.org/a?sig=abc", foreign=True)
    )

    assert [each.path for each in played] == ["/x?page=2&X-Amz-Signature=…&token=…", "/a?sig=…"]
