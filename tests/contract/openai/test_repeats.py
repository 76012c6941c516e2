"""Calls whose answer did not arrive: the same request again gets the task that was made, and buys nothing."""

import http.client
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from contract.client import TIMEOUT_S, Answer, Client, newcomer
from serving import Served, serving

PATH = "/v1/images/generations"
JSON = {"Content-Type": "application/json"}
AT_ONCE = {"Prefer": "respond-async"}
"""Answers the task of the call without waiting for it."""


def body_of(prompt: str) -> bytes:
    return json.dumps({"prompt": prompt}).encode()


def send(caller: Client, prompt: str, headers: dict[str, str] | None = None) -> Answer:
    return caller.call("POST", PATH, body_of(prompt), JSON | (headers or {}))


def task_of(answer: Answer) -> str:
    return answer.headers["x-limner-task-id"]


def send_and_leave(caller: Client, served: Served, prompt: str) -> str:
    """A call whose client leaves before the answer; returns its task once the server has noticed."""
    connection = http.client.HTTPConnection(urlsplit(caller.url).netloc)
    connection.request("POST", PATH, body_of(prompt), JSON | {"Authorization": f"Bearer {caller.key}"})
    task = str(until(lambda: listed(caller))[0]["task_id"])
    connection.close()
    until(lambda: lost_answers(served))
    return task


def send_in_vain(caller: Client, prompt: str) -> None:
    with pytest.raises((OSError, http.client.HTTPException)):
        send(caller, prompt)


def listed(caller: Client) -> Any:
    return caller.get("/v2/openapi/tasks").data["tasks"]


def lost_answers(served: Served) -> list[Any]:
    with sqlite3.connect(f"file:{served.data / 'limner.db'}?mode=ro", uri=True) as connection:
        return connection.execute("SELECT task FROM idempotency WHERE key LIKE '%.lost'").fetchall()


def until(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + TIMEOUT_S
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def test_a_request_that_comes_again_after_its_client_left_gets_the_same_task_once(idle: Served) -> None:
    caller = newcomer(idle)
    task = send_and_leave(caller, idle, "its client leaves")

    again, meant = (send(caller, "its client leaves", AT_ONCE) for _ in range(2))

    assert task_of(again) == task != task_of(meant)
    assert caller.balance() == (1000 - 10, 10)


def test_a_task_that_was_cancelled_meanwhile_is_not_joined(idle: Served) -> None:
    caller = newcomer(idle)
    task = send_and_leave(caller, idle, "cancelled meanwhile")
    caller.post(f"/task/{task}/cancel", b"")

    assert task_of(send(caller, "cancelled meanwhile", AT_ONCE)) != task


def test_equal_requests_at_the_same_time_are_as_many_tasks(served: Served) -> None:
    caller = newcomer(served)

    with ThreadPoolExecutor(4) as pool:
        tasks = set(pool.map(lambda _: task_of(send(caller, "four of a kind")), range(4)))

    assert len(tasks) == 4


def test_a_request_that_comes_again_after_the_server_was_killed_gets_the_same_task(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--api-only") as server:
        caller = newcomer(server)
        calling = threading.Thread(target=send_in_vain, args=(caller, "held while the server dies"))
        calling.start()
        task = str(until(lambda: listed(caller))[0]["task_id"])
        server.kill()
        calling.join(TIMEOUT_S)
        with serving(tmp_path / "data", "--port", urlsplit(server.url).netloc.rpartition(":")[2]):
            again, meant = (send(caller, "held while the server dies") for _ in range(2))
            balance = caller.balance()

    assert task_of(again) == task != task_of(meant)
    assert balance == (1000 - 10, 0)


@pytest.mark.parametrize("key", ["x" * 256, "two words", ""], ids=["too long", "with a blank", "empty"])
def test_an_idempotency_key_that_is_none_is_refused(idle: Served, key: str) -> None:
    caller = newcomer(idle)

    answer = send(caller, "a fox", {"Idempotency-Key": key})

    assert (answer.status, answer.json["error"]["param"]) == (400, "Idempotency-Key")
    assert caller.balance() == (1000, 0)


def test_an_idempotency_key_of_another_request_is_refused(idle: Served) -> None:
    caller = newcomer(idle)
    send(caller, "a fox", AT_ONCE | {"Idempotency-Key": "one"})

    answer = send(caller, "two foxes", AT_ONCE | {"Idempotency-Key": "one"})

    assert (answer.status, answer.json["error"]["code"]) == (422, "idempotency_key_reused")
    assert answer.headers["x-should-retry"] == "false"
