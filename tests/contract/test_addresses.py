"""Reference pictures by address: fetched when the task runs, under the rules for addresses that callers give."""

import asyncio
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from contract.client import PHOTO, PICTURE, WEBP, Client, client_of, newcomer
from limner.bootstrap import opened, prepare_data
from limner.db.tables.keys import Key
from limner.domain.tasks.request import FileInput, ImageRequest, TaskType, UrlSource
from limner.domain.tasks.spec import TaskSpec
from limner.domain.tasks.task import Task
from limner.intake.image_intake import ImageIntake
from limner.settings import Settings
from serving import Served, serving

PAGES: dict[str, tuple[int, Mapping[str, str], bytes]] = {
    "/cat.png": (200, {"Content-Type": "image/png"}, PICTURE),
    "/cat": (200, {"Content-Type": "text/html"}, PHOTO),
    "/cat.webp": (200, {}, WEBP),
    "/moved": (302, {"Location": "/cat.png"}, b""),
    "/to-metadata": (302, {"Location": "http://169.254.169.254/latest/meta-data/"}, b""),
    "/to-inside": (307, {"Location": "http://[::ffff:10.0.0.1]/cat.png"}, b""),
    "/to-a-file": (302, {"Location": "file:///etc/passwd"}, b""),
    "/round-and-round": (302, {"Location": "/round-and-round"}, b""),
    "/gone": (404, {}, b"no"),
    "/locked": (401, {}, b"no"),
    "/broken": (500, {}, b"no"),
    "/page": (200, {"Content-Type": "image/png"}, b"<!doctype html><html><body>Not a cat</body></html>"),
    "/drawing": (200, {"Content-Type": "image/png"}, b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
    "/empty": (200, {}, b""),
    "/cut": (200, {"Content-Length": str(len(PICTURE))}, PICTURE[:80]),
    "/torn": (200, {}, PICTURE[:-30]),
    "/heavy": (200, {}, PICTURE + bytes(21 * 1024 * 1024)),
}


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        if self.path == "/silent":
            self.server.quiet.wait(60)  # type: ignore[attr-defined]
            return
        status, headers, body = PAGES[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Nobody reads it."""


class Elsewhere(ThreadingHTTPServer):
    """A third-party web server; closing it ends delayed requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Pages)
        self.quiet = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up early is part of the play."""


@contextmanager
def elsewhere() -> Iterator[str]:
    server = Elsewhere()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.quiet.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class World:
    client: Client
    served: Served
    site: str


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server that may fetch from one loopback port, and from nowhere else that is not public."""
    with elsewhere() as site, serving(tmp_path_factory.mktemp("fetching"), fetch_allow=site) as served:
        yield World(client_of(served), served, f"http://{site}")


@pytest.mark.parametrize("path", ["/cat.png", "/cat", "/moved"])
def test_a_picture_is_fetched_whatever_its_name_and_declared_type(world: World, path: str) -> None:
    task = world.client.done(file={"url": world.site + path})

    assert task["status"] == "success"
    assert task["input"]["file"] == {"url": world.site + path}


def test_what_was_fetched_is_what_the_model_was_given(world: World) -> None:
    task = world.client.done(files=[{"url": f"{world.site}/cat.png"}, {"url": f"{world.site}/cat"}])
    inputs = world.served.cli("tasks", "explain", task["task_id"])["inputs"]

    assert [(each["url"], each["clean"]["media_type"]) for each in inputs] == [
        (f"{world.site}/cat.png", "image/png"),
        (f"{world.site}/cat", "image/jpeg"),
    ]


FAILING = {
    "/gone": (2019, "the server answered 404"),
    "/locked": (2019, "the server answered 401"),
    "/broken": (2019, "the server answered 500"),
    "/to-metadata": (2019, "redirects to '169.254.169.254', which is not public"),
    "/to-inside": (2019, "which is not public"),
    "/to-a-file": (2019, "has the scheme 'file'"),
    "/round-and-round": (2019, "redirects more than"),
    "/cut": (2019, "ended prematurely"),
    "/page": (2004, "an HTML page"),
    "/drawing": (2004, "an SVG"),
    "/cat.webp": (2004, "does not accept image/webp"),
    "/empty": (2003, "is empty"),
    "/torn": (2003, "cannot be decoded"),
    "/heavy": (2022, "larger than the 20 MB allowed"),
}


@pytest.mark.parametrize("path", FAILING)
def test_an_address_without_a_picture_fails_the_task_and_costs_nothing(world: World, path: str) -> None:
    code, words = FAILING[path]
    client = newcomer(world.served, credits=5)
    task = client.done(files=[{"url": f"{world.site}/cat.png"}, {"url": world.site + path}])

    assert (task["status"], task["error_code"], task["consumed_credit"]) == ("failed", code, 0)
    assert words in task["error_msg"]
    assert task["error_msg"].startswith("files[1]")
    assert task["output"] == task["result"] == {}
    assert client.balance() == (5, 0)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/cat.png",
        "http://127.0.0.1:1/cat.png",
        "http://localhost/cat.png",
        "http://[::1]/cat.png",
        "http://10.0.0.1/cat.png",
        "http://192.168.1.1/cat.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:127.0.0.1]/cat.png",
        "http://0.0.0.0/cat.png",
        "http://2130706433/cat.png",
        "http://0x7f.1/cat.png",
        "http://127.0.0.1.nip.invalid/cat.png",
    ],
)
def test_an_address_that_is_not_public_fails_the_task_and_costs_nothing(world: World, url: str) -> None:
    client = newcomer(world.served, credits=5)
    task = client.done(file={"url": url})

    assert (task["status"], task["error_code"], task["consumed_credit"]) == ("failed", 2019, 0)
    assert task["error_msg"].startswith("file")
    assert client.balance() == (5, 0)


@pytest.mark.long
def test_a_silent_server_fails_the_task(world: World) -> None:
    client = newcomer(world.served, credits=5)
    task = client.done(file={"url": f"{world.site}/silent"})

    assert (task["status"], task["error_code"], task["consumed_credit"]) == ("failed", 2019, 0)
    assert "was silent for 10 s" in task["error_msg"]
    assert client.balance() == (5, 0)


def test_a_running_fetch_can_be_cancelled(world: World) -> None:
    client = newcomer(world.served, credits=5)
    task_id = client.submit(file={"url": f"{world.site}/silent"})
    client.wait(task_id, "running")
    client.post(f"/task/{task_id}/cancel", b"")

    assert client.wait(task_id)["status"] == "cancelled"
    assert client.balance() == (5, 0)


# --- names, which need a name server of the test's own ------------------------------------------------------------


class Names(AbstractResolver):
    """Every name leads to one address."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=self._address, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held."""


def request_with(url: str) -> ImageRequest:
    return ImageRequest(
        type=TaskType.GENERATE_IMAGE,
        spec=TaskSpec(prompt="a cat"),
        model=None,
        files=(FileInput("file", None, UrlSource(url)),),
        priority=1,
        echo={},
    )


async def done_with_names(settings: Settings, address: str) -> tuple[Task, tuple[int, int]]:
    """A task with a picture at `http://pictures.example`, on a service whose names all lead to `address`."""
    async with opened(settings) as plain:
        limner = replace(plain, intake=ImageIntake(resolver=Names(address)))
        account = await limner.accounts.create("somebody", 5)
        made = await limner.accounts.create_key(account.name, "key", ("generate",))
        task = await done(limner, made.key)
        await limner.intake.close()
        balance = await limner.store.read(lambda records: records.accounts.balance(account.id))
        return task, (balance.available, balance.frozen)


async def done(limner: Any, key: Key) -> Task:
    task_id = (await limner.submit(key, request_with("http://pictures.example/cat.png"))).task
    worker = limner.worker()
    worker.start()
    try:
        while not (task := (await limner.read(None, task_id)).task).status.final:
            await limner.clock.sleep(0.02)
    finally:
        await worker.stop()
    return task


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.0.10", "100.64.0.1"])
def test_a_name_with_an_internal_address_fails_the_task_without_revealing_it(tmp_path: Path, address: str) -> None:
    settings = Settings(data=tmp_path, engine="sandbox", log_level="warning")
    prepare_data(settings)
    task, balance = asyncio.run(done_with_names(settings, address))

    assert (task.status, task.error_code, task.consumed) == ("failed", 2019, 0)
    assert task.error_msg is not None
    assert "'pictures.example' does not resolve to a public address" in task.error_msg
    assert address not in task.error_msg
    assert balance == (5, 0)
