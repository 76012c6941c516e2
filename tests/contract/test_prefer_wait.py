"""Creates that wait for the end of their task: `Prefer: wait=N`."""

import contextlib
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from contract.client import BASE, TIMEOUT_S, Answer, Client, client_of, newcomer
from contract.v3.client import V3Client
from serving import Served, serving

SOON, LONG = {"Prefer": "wait=1"}, {"Prefer": "wait=60"}
APPLIED = "Preference-Applied"


@pytest.fixture
def slow(data: Path) -> Iterator[Served]:
    """A server that never ends a task, and lets an account have one watch."""
    with serving(data, "--api-only", account_watches="1", account_tasks="1000", requests_at_once="1") as server:
        yield server


def test_a_create_that_waits_answers_with_the_finished_task(client: Client) -> None:
    answer = client.create(LONG, prompt="a cat that is waited for")
    task = client.task(answer.data["task_id"])

    assert answer.headers[APPLIED] == "wait=60"
    assert answer.headers["X-Limner-Served-By"] == "sandbox"
    assert answer.data.keys() == task.keys()
    assert (answer.data["status"], answer.data["consumed_credit"]) == ("success", 5)
    assert client.get(answer.data["output"]["generated_image"]).status == 200


def test_v3_waits_too(served: Served) -> None:
    client = V3Client(served.url, served.key)
    answer = client.create(LONG, prompt="a cat that is waited for")

    assert answer.headers[APPLIED] == "wait=60"
    assert answer.data.keys() == client.task(answer.data["task_id"]).keys()
    assert client.get(answer.data["output"]["generated_image_url"]).status == 200


def test_a_task_that_fails_in_time_is_answered(client: Client) -> None:
    answer = client.create(LONG, file={"url": "http://127.0.0.1:9/none.png"})

    assert answer.data["status"] == "failed"
    assert answer.data["error_code"] == 2019


def test_a_task_that_has_not_ended_in_time_is_answered_as_usual(idle: Served) -> None:
    answer = newcomer(idle).create(SOON)
    on_v3 = V3Client(**vars(newcomer(idle))).create(SOON)

    assert answer.data.keys() == {"task_id"}
    assert on_v3.data.keys() == {"task_id", "type", "status"}
    assert answer.headers[APPLIED] == on_v3.headers[APPLIED] == "wait=1"


@pytest.mark.parametrize(
    ("sent", "applied"),
    [
        ("wait=9999", "wait=60"),
        ("wait=999999999", "wait=60"),
        ('respond-async, wait="30"', "wait=30"),
        ("WAIT = 30; for=a-friend", "wait=30"),
        ("wait=30, wait=5", "wait=30"),
    ],
)
def test_a_preference_is_read_as_the_standard_has_it(client: Client, sent: str, applied: str) -> None:
    answer = client.create({"Prefer": sent})

    assert answer.headers[APPLIED] == applied
    assert answer.data["status"] == "success"


@pytest.mark.parametrize("sent", ["", "wait", "wait=", "wait=0", "wait=-1", "wait=1.5", "wait=x", "await=30", "wait=٣"])
def test_what_is_no_preference_is_ignored(client: Client, sent: str) -> None:
    answer = client.create({"Prefer": sent.encode().decode("latin-1")})

    assert answer.headers[APPLIED] is None
    assert answer.data.keys() == {"task_id"}


def test_a_refused_create_does_not_wait(idle: Served) -> None:
    assert newcomer(idle).create(LONG, prompt="").refusal == (400, 1004)


def test_a_key_that_may_not_read_does_not_wait(served: Served) -> None:
    answer = newcomer(served, scopes=("generate",)).create(LONG)

    assert answer.data.keys() == {"task_id"}
    assert answer.headers[APPLIED] is None


def test_a_repeat_waits_for_the_first_task(client: Client) -> None:
    headers = {"Idempotency-Key": "waited-for"}
    first = client.create(headers, prompt="once")
    again = client.create(headers | LONG, prompt="once")

    assert again.data["task_id"] == first.data["task_id"]
    assert again.data["status"] == "success"
    assert again.headers["Idempotency-Replayed"] == "true"


def raw_create(client: Client, prefer: str) -> socket.socket:
    """A create whose answer is not awaited."""
    body = json.dumps({"type": "generate_image", "prompt": "a cat"}).encode()
    parts = urlsplit(client.url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=TIMEOUT_S)
    head = f"POST {BASE}/task HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.key}\r\nPrefer: {prefer}\r\n"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection


def until_waiting(client: Client) -> None:
    """Return once the one watch of the account is taken: then a create with a preference does not wait."""
    while waits(client.create(SOON)):
        pass


def waits(answer: Answer) -> bool:
    """Whether the create waited, or has to be repeated because the server was busy."""
    return answer.status == 503 or answer.headers[APPLIED] is not None


def test_beyond_the_accounts_watches_a_create_is_answered_at_once(slow: Served) -> None:
    client = client_of(slow)
    with raw_create(client, "wait=60"):
        until_waiting(client)

        assert client.create(LONG).data.keys() == {"task_id"}


def test_a_client_that_hangs_up_ends_its_wait_and_loses_nothing(slow: Served) -> None:
    client = client_of(slow)
    with raw_create(client, "wait=60"):
        until_waiting(client)
    while not waits(client.create(SOON)):  # until its watch is free again
        pass

    assert {task["status"] for task in V3Client(**vars(client)).get("/v3/account/usage").data} == {"queued"}


def test_creates_that_wait_do_not_keep_others_out(slow: Served) -> None:
    """The server handles one write at a time, and a wait is none."""
    callers = [newcomer(slow) for _ in range(3)]
    with contextlib.ExitStack() as waiting:
        for each in callers:
            waiting.enter_context(raw_create(each, "wait=60"))
            until_waiting(each)

        assert [each.create().status for each in callers] == [200] * 3


def test_a_server_that_stops_ends_the_waits(data: Path) -> None:
    with (
        serving(data, sandbox_delay_s="600", drain_s="1", account_watches="1") as server,
        ThreadPoolExecutor(1) as pool,
    ):
        client = client_of(server)
        waiting = pool.submit(client.create, LONG)
        until_waiting(client)
        assert server.stop() == 0
        answer: Answer = waiting.result()

    assert answer.data.keys() == {"task_id"}
    with serving(data, "--api-only") as server:
        kept = Client(server.url, client.key).task(answer.data["task_id"])
    assert kept["status"] in {"queued", "running"}
