"""Both clients at a real server: pictures, waits, references, errors, and what proxies and restarts do to them."""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from contract.client import PICTURE, Client, newcomer
from limner_client import (
    AsyncLimnerClient,
    CallRefused,
    ContentPolicyViolation,
    FieldInvalid,
    KeyInvalid,
    LimnerClient,
    ModelUnknown,
    NothingFound,
    PictureTask,
    ServerUnreachable,
    WaitTimedOut,
    WebhookForged,
    verify_webhook,
)
from limner_client.errors import CLASSES
from limner_client.http_transport import HttpTransport
from serving import Served, serving

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("client") / "data") as running:
        yield running


@pytest.fixture
def account(server: Served) -> Client:
    return newcomer(server)


@pytest.fixture
def client(server: Served, account: Client) -> Iterator[LimnerClient]:
    with LimnerClient(server.url, account.key) as made:
        yield made


def test_a_picture_is_generated_waited_for_and_saved(client: LimnerClient, tmp_path: Path) -> None:
    states: list[str] = []
    task = client.generate("a cat in the snow", on_progress=lambda seen: states.append(seen.status), timeout_s=60)
    saved = client.save(task, tmp_path / "cat.png")

    assert (task.status, task.progress, task.error) == ("success", 100, None)
    assert task.credits > 0
    assert states[-1] == "success"
    assert saved.read_bytes() == client.download(task)
    assert saved.read_bytes().startswith((b"\x89PNG", b"\xff\xd8", b"RIFF"))
    assert [path.name for path in tmp_path.iterdir()] == ["cat.png"]


def test_references_are_paths_bytes_uploads_and_tasks(client: LimnerClient, tmp_path: Path) -> None:
    (tmp_path / "own.png").write_bytes(PICTURE)
    first = client.generate("a fox", timeout_s=60)
    given = [tmp_path / "own.png", PICTURE, client.upload(PICTURE), first]
    task = client.generate("image[1] beside image[4]", references=given, model="gpt_image_2", timeout_s=60)

    assert task.status == "success"
    assert len(task.raw["input"]["files"]) == 4


def test_what_is_left_of_the_api_is_there(client: LimnerClient) -> None:
    before = client.balance()
    quoted = client.quote("a cat", template="figure", model="gpt_image_2")
    task = client.generate("a very rare okapi", n=2, timeout_s=60)
    found, _ = client.tasks(q="okapi", limit=5)
    done = client.batch(["a dog", {"prompt": "a hen", "template": "no_such"}], timeout_s=60)

    assert quoted["price"] > 0
    assert len(task.pictures) == 2
    assert [each.id for each in found] == [task.id]
    assert {each["model_version"] for each in client.models()} >= {"gpt_image_2"}
    assert "figure" in {each["template"] for each in client.templates()}
    assert isinstance(done[0], PictureTask)
    assert isinstance(done[1], FieldInvalid)
    assert client.balance() < before


def test_refusals_say_what_the_docs_say(server: Served, client: LimnerClient) -> None:
    with pytest.raises(ModelUnknown) as unknown:
        client.generate("a cat", model="gpt_image_3")
    with pytest.raises(NothingFound):
        client.get("00000000-0000-4000-8000-000000000000")
    with pytest.raises(NothingFound):
        client.wait("00000000-0000-4000-8000-000000000000", timeout_s=60)
    with LimnerClient(server.url, "tsk_wrong") as outsider, pytest.raises(KeyInvalid):
        outsider.balance()

    assert unknown.value.suggestion
    assert unknown.value.trace_id
    assert (unknown.value.status, unknown.value.code) == (400, 2017)


def test_every_code_of_the_docs_has_an_error() -> None:
    table = (ROOT / "docs/errors.md").read_text().partition("## Errors of a call")[2]
    codes = {
        int(code)
        for line in table.splitlines()
        if re.match(r"\| \d{3} \|", line) and "not used here" not in line and "none is retired" not in line
        for code in re.findall(r"\d{4}", line.split("|")[2])
    }

    assert len(codes) > 15
    assert codes <= CLASSES.keys()
    assert CLASSES[2008] is ContentPolicyViolation


def test_a_wait_that_ends_early_leaves_the_task_alone(server: Served, account: Client, tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--api-only") as idle:
        key = newcomer(idle).key
        with LimnerClient(idle.url, key) as client:
            task = client.submit("a cat")
            with pytest.raises(WaitTimedOut, match=task.id):
                client.wait(task.id, timeout_s=0.2)
            cancelled = client.cancel(task.id)
            assert client.wait(task.id, timeout_s=60).status == cancelled.status == "cancelled"


class CountedTransport(HttpTransport):
    opened = 0

    def watch(self, path: str, headers: Mapping[str, str]) -> Any:
        self.opened += 1
        return super().watch(path, headers)


async def test_many_waits_share_one_websocket(server: Served, account: Client) -> None:
    transport = CountedTransport(server.url)
    async with AsyncLimnerClient(key=account.key, transport=transport) as client:
        tasks = [await client.submit(f"picture {n}") for n in range(5)]
        waits = [client.wait(task.id, timeout_s=3600) for task in tasks for _ in range(200)]
        async with asyncio.timeout(60):  # a wait ends with its task, not with its own time
            ended = await asyncio.gather(*waits)

        assert [task.status for task in ended] == ["success"] * 1000
        assert transport.opened == 1
        assert client._waiting._loops == []


async def test_a_wait_outlives_the_server(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--api-only") as first:
        owner, port = await asyncio.to_thread(newcomer, first), first.url.rpartition(":")[2]
        async with AsyncLimnerClient(first.url, owner.key) as client:
            task = await client.submit("a cat")
            seen = asyncio.Event()
            wait = asyncio.create_task(client.wait(task.id, timeout_s=120, on_progress=lambda _: seen.set()))
            await seen.wait()
            await asyncio.to_thread(first.kill)
            with serving(tmp_path / "data", "--port", port):
                assert (await wait).status == "success"


class CuttingProxy(threading.Thread):
    """Passes requests on and cuts the connection before the answer, for the first `cuts` creates of tasks."""

    def __init__(self, upstream: str, cuts: int) -> None:
        super().__init__(daemon=True)
        self._upstream = ("127.0.0.1", int(upstream.rpartition(":")[2]))
        self._left, self.cut = cuts, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self, connection: socket.socket) -> None:
        with connection, socket.create_connection(self._upstream) as upstream:
            request = connection.recv(65536)
            while b"\r\n\r\n" not in request or len(request.partition(b"\r\n\r\n")[2]) < _length(request):
                request += connection.recv(65536)
            upstream.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            answer = b"".join(iter(lambda: upstream.recv(65536), b""))
            if request.startswith(b"POST /v2/openapi/task ") and self._left:
                self._left -= 1
                self.cut += 1
                return
            connection.sendall(answer)


def _length(request: bytes) -> int:
    found = re.search(rb"(?i)content-length: (\d+)", request)
    return int(found[1]) if found else 0


def test_a_create_whose_answer_is_cut_off_buys_once(server: Served, account: Client) -> None:
    proxy = CuttingProxy(server.url, cuts=2)
    with LimnerClient(proxy.url, account.key) as client:
        task = client.submit("a cat that is bought once")
    proxy.close()
    with LimnerClient(server.url, account.key) as client:
        found, _ = client.tasks()

    assert proxy.cut == 2
    assert [each.id for each in found] == [task.id]


def test_a_server_that_is_not_there_is_named() -> None:
    with (
        LimnerClient("http://127.0.0.1:9", "tsk_x", retries=1) as client,
        pytest.raises(ServerUnreachable, match="balance"),
    ):
        client.balance()


SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


def signed(body: bytes, moment: int) -> dict[str, str]:
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.digest(key, f"msg_1.{moment}.".encode() + body, hashlib.sha256)
    signature = f"v1,AAAA v1,{base64.b64encode(digest).decode()}"
    return {"Webhook-Id": "msg_1", "webhook-timestamp": str(moment), "webhook-signature": signature}


def test_a_genuine_webhook_is_read() -> None:
    body = json.dumps(
        {"type": "task.succeeded", "data": {"task_id": "t", "status": "success", "progress": 100}}
    ).encode()
    message = verify_webhook(SECRET, signed(body, int(time.time())), body)

    assert (message.id, message.type) == ("msg_1", "task.succeeded")
    assert message.task is not None
    assert message.task.status == "success"


@pytest.mark.parametrize("change", ["body", "old", "missing", "secret"])
def test_a_forged_webhook_is_refused(change: str) -> None:
    body, now = b'{"type": "task.succeeded", "data": {}}', int(time.time())
    headers: dict[str, Any] = {} if change == "missing" else signed(body, now - 400 if change == "old" else now)
    secret = "whsec_" + base64.b64encode(b"x" * 24).decode() if change == "secret" else SECRET

    with pytest.raises(WebhookForged):
        verify_webhook(secret, headers, body + (b" " if change == "body" else b""))


def test_a_program_that_closes_nothing_ends_without_a_word(server: Served, account: Client) -> None:
    code = f"from limner_client import LimnerClient as C; client = C({server.url!r}, {account.key!r}); client.balance()"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=120)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_importing_it_imports_no_http_client() -> None:
    code = "import limner_client, sys; print([name for name in ('aiohttp', 'limner') if name in sys.modules])"

    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_all_errors_of_calls_are_one_family() -> None:
    assert all(issubclass(each, CallRefused) for each in CLASSES.values())
