"""A vendor on loopback with scripted replies, which records all requests."""

import json
import socket
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from PIL import Image

from limner.domain.tasks.spec import TaskSpec
from limner.ports.provider import GenerationRequest, ReferenceImage

PNG = {"Content-Type": "image/png"}


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: `body` is sent as JSON, or unchanged if it is bytes. `hang_up` closes the connection instead."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hang_up: bool = False


HANG_UP = Reply(hang_up=True)


@dataclass(frozen=True, slots=True)
class Received:
    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class FakeVendor:
    """Gives the replies of a path in order, and repeats the last one."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Received] = []
        self._answers: dict[str, deque[Reply]] = defaultdict(deque)

    def reply(self, path: str, *answers: Reply) -> None:
        self._answers[path] = deque(answers)

    def paths(self) -> list[str]:
        return [each.path for each in self.received]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        self.received.append(Received(request.method, request.path, request.headers.copy(), json.loads(text or "null")))
        waiting = self._answers[request.path]
        if not waiting:
            return web.json_response({"detail": "this path was not expected"}, status=418)
        answer = waiting.popleft() if len(waiting) > 1 else waiting[0]
        if answer.hang_up and request.transport:
            request.transport.abort()
        if isinstance(answer.body, bytes):
            return web.Response(status=answer.status, body=answer.body, headers={**PNG, **answer.headers})
        if answer.body is None:
            return web.Response(status=answer.status, headers=answer.headers)
        return web.json_response(answer.body, status=answer.status, headers=answer.headers)


@asynccontextmanager
async def fake_vendor() -> AsyncIterator[FakeVendor]:
    server = FakeVendor()
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()


def order(workdir: Path = Path("/nowhere"), upstream: str = "", **facts: Any) -> GenerationRequest:
    chosen: dict[str, Any] = {
        "task_id": "task-1",
        "attempt_id": "attempt-1",
        "upstream": upstream,
        "prompt": "a red fox",
        "spec": TaskSpec(prompt="a red fox"),
        "references": (),
        "aspect_ratio": None,
        "seed": 7,
        "workdir": workdir,
        "deadline_s": 20.0,
    }
    return GenerationRequest(**chosen | facts)


def references(count: int, *, width: int = 512, height: int = 512) -> tuple[ReferenceImage, ...]:
    """References whose files do not exist."""
    return tuple(ReferenceImage(Path(f"/nowhere/{n}.png"), "image/png", width, height) for n in range(1, count + 1))


def image_file(path: Path, size: tuple[int, int], colour: str = "red") -> ReferenceImage:
    Image.new("RGB", size, colour).save(path)
    return ReferenceImage(path, "image/png", *size)


def unreachable_url() -> str:
    """A base URL on which no server listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"
