"""The receivers in the documentation do what they say."""

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from limner.domain.webhook import EVENT_OF_STATUS, RETRY_DELAYS_S, EventType, delivery_id, secret_text, signature

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text()
SECRET = bytes(range(32))
BODY = (
    b'{"type":"task.succeeded","timestamp":"2026-11-24T11:13:18.775Z","data":{"task_id":"7","prompt":"F\xc3\xbcchse"}}'
)
ID = delivery_id("ab" * 16)
TIMEOUT_S = 60

NODE = shutil.which("node")


def example(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(params=["python", "js"])
def receiver(request: pytest.FixtureRequest, tmp_path: Path, port: int) -> Iterator["subprocess.Popen[str]"]:
    if request.param == "js" and NODE is None:
        pytest.skip("Node is not installed")
    script = tmp_path / f"receiver.{request.param}"
    script.write_text(example(request.param))
    program = sys.executable if request.param == "python" else NODE
    environment = {"WEBHOOK_SECRET": secret_text(SECRET), "PORT": str(port)}
    with subprocess.Popen([str(program), str(script)], env=environment, stdout=subprocess.PIPE, text=True) as process:
        wait_for(port)
        yield process
        process.kill()


def wait_for(port: int) -> None:
    until = time.monotonic() + TIMEOUT_S
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("the receiver does not listen")


def send(port: int, body: bytes, secrets: tuple[bytes, ...] = (SECRET,), age_s: int = 0) -> int:
    moment_s = int(time.time()) - age_s
    signatures = " ".join(signature(secret, ID, moment_s, BODY) for secret in secrets)
    headers = {"webhook-id": ID, "webhook-timestamp": str(moment_s), "webhook-signature": signatures}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def test_a_receiver_takes_what_is_genuine_once_and_nothing_else(receiver: "subprocess.Popen[str]", port: int) -> None:
    genuine = [send(port, BODY), send(port, BODY, (bytes(32), SECRET))]
    forged = [send(port, BODY.replace(b"7", b"8")), send(port, BODY, (bytes(32),)), send(port, BODY, age_s=3600)]
    receiver.kill()
    said, _ = receiver.communicate(timeout=TIMEOUT_S)

    assert genuine == [204, 204]
    assert forged == [400, 400, 400]
    assert said.splitlines() == ["task.succeeded 7"]


def test_every_event_is_explained() -> None:
    assert all(f"| `{event}` |" in PAGE for event in EventType)


def test_the_waits_are_those_of_the_schedule() -> None:
    hours = [wait // 3600 for wait in RETRY_DELAYS_S if wait >= 3600]

    assert f"{len(RETRY_DELAYS_S) + 1} times".replace("10", "ten") in PAGE
    assert RETRY_DELAYS_S[:3] == (5, 5 * 60, 30 * 60)
    assert f"{', '.join(map(str, hours[:-1]))} and {hours[-1]} hours" in " ".join(PAGE.split())
    assert len(EVENT_OF_STATUS) == 5
