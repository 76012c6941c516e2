"""Cancelling a task."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contract.client import BASE, Client, client_of, newcomer
from serving import Served, serving


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose pictures are never done."""
    with serving(tmp_path_factory.mktemp("slow"), sandbox_delay_s="600", drain_s="0") as server:
        yield server


def test_a_waiting_task_is_cancelled_at_once_and_refunded(idle: Served) -> None:
    client = newcomer(idle, credits=5)
    task_id = client.submit()
    held = client.balance()
    answer = client.post(f"/task/{task_id}/cancel", b"")

    assert held == (0, 5)
    assert answer.data["task_id"] == task_id
    assert answer.data["status"] == "cancelled"
    assert answer.data == client.task(task_id)
    assert client.balance() == (5, 0)


def test_a_running_task_is_cancelled_soon_and_refunded(slow: Served) -> None:
    client = newcomer(slow, credits=5)
    task_id = client.submit()
    client.wait(task_id, "running")
    answer = client.post(f"/task/{task_id}/cancel", b"")
    task = client.wait(task_id)

    assert answer.data["status"] in {"running", "cancelled"}
    assert (task["status"], task["consumed_credit"], task["output"]) == ("cancelled", 0, {})
    assert client.balance() == (5, 0)


def test_a_running_task_of_another_process_is_cancelled_too(data: Path) -> None:
    with serving(data, "--api-only") as front, serving(data, sandbox_delay_s="600", lease_s="1", drain_s="0"):
        client = client_of(front)
        task_id = client.submit()
        client.wait(task_id, "running")
        client.post(f"/task/{task_id}/cancel", b"")
        task = client.wait(task_id)
        balance = client.balance()

    assert task["status"] == "cancelled"
    assert balance == (10_000, 0)


def test_a_finished_task_stays_as_it_is(served: Served) -> None:
    client = newcomer(served, credits=5)
    task = client.done()
    answer = client.post(f"/task/{task['task_id']}/cancel", b"")

    assert answer.data["status"] == "success"
    assert answer.data["consumed_credit"] == 5
    assert client.balance() == (0, 0)


def test_a_second_cancellation_changes_nothing(idle: Served) -> None:
    client = newcomer(idle, credits=5)
    task_id = client.submit()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post(f"/task/{task_id}/cancel", b""), range(8)))

    assert {answer.data["status"] for answer in answers} == {"cancelled"}
    assert client.balance() == (5, 0)


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"not JSON", b'{"reason":"none"}'])
def test_the_body_of_a_cancellation_means_nothing(idle: Served, body: bytes) -> None:
    client = newcomer(idle)

    assert client.post(f"/task/{client.submit()}/cancel", body).data["status"] == "cancelled"


def test_an_unknown_task_is_not_found(client: Client) -> None:
    assert client.post("/task/00000000-0000-4000-8000-000000000000/cancel", b"").refusal == (404, 2001)
    assert client.get(f"{BASE}/task/x/cancel").refusal == (405, 9405)
