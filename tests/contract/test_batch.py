"""Reading several tasks with one call."""

from typing import Any

import pytest

from contract.client import BASE, Client

NOBODY = "00000000-0000-4000-8000-000000000000"


def test_a_batch_returns_found_tasks_and_missing_ids(client: Client, other_client: Client) -> None:
    done = [client.done()["task_id"] for _ in range(2)]
    theirs = other_client.submit()
    answer = client.post("/task/batch", {"task_ids": [*done, theirs, NOBODY, "no id"]})

    assert set(answer.data) == {"tasks", "missed"}
    assert set(answer.data["tasks"]) == set(done)
    assert answer.data["missed"] == [theirs, NOBODY, "no id"]


def test_a_task_in_a_batch_is_the_task_as_it_is_read_alone(client: Client) -> None:
    task_id = client.done()["task_id"]
    answer = client.post("/task/batch", {"task_ids": [task_id]})
    alone = client.task(task_id)

    listed = answer.data["tasks"][task_id]
    assert {**listed, **addresses(alone)} == alone


def addresses(task: dict[str, Any]) -> dict[str, Any]:
    """What changes from one read to the next."""
    return {name: task[name] for name in ("output", "result", "thumbnail")}


def test_an_id_asked_for_twice_is_answered_once(client: Client) -> None:
    task_id = client.submit()
    answer = client.post("/task/batch", {"task_ids": [task_id, task_id, NOBODY, NOBODY]})

    assert list(answer.data["tasks"]) == [task_id]
    assert answer.data["missed"] == [NOBODY]


def test_a_hundred_ids_are_the_most(client: Client) -> None:
    most = client.post("/task/batch", {"task_ids": [f"id-{n}" for n in range(100)]})
    more = client.post("/task/batch", {"task_ids": [f"id-{n}" for n in range(101)]})

    assert len(most.data["missed"]) == 100
    assert more.refusal == (400, 1004)
    assert "100" in more.suggestion


@pytest.mark.parametrize("ids", [None, [], "abc", [1], [None], [[]], {"0": "a"}])
def test_anything_but_a_list_of_ids_is_refused(client: Client, ids: Any) -> None:
    answer = client.post("/task/batch", {"task_ids": ids})

    assert answer.refusal == (400, 1004)
    assert "task_ids" in answer.suggestion


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"a"', b"{"])
def test_a_body_that_is_no_object_is_malformed(client: Client, body: bytes) -> None:
    assert client.post("/task/batch", body).refusal == (400, 1003)


@pytest.mark.parametrize("odd", ["\ud800", "\0", "a" * 100_000, "é", "'; DROP TABLE tasks; --"])
def test_an_odd_id_is_missed_like_any_other(client: Client, odd: str) -> None:
    answer = client.post("/task/batch", {"task_ids": [odd]})

    assert answer.status in {200, 400}
    assert answer.status == 400 or answer.data["missed"] == [odd]
    assert client.get(f"{BASE}/user/balance").status == 200
