"""The six rules that the old packages live by (A to F), over whole lives of tasks, as they stand on the wire.

What each field says in each state is in tests/contract/test_task_body.py, every error of the table in
tests/contract/test_errors.py, and that every answer is JSON in tests/contract/test_headers.py.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from contract.client import BASE, FINAL, TIMEOUT_S, Answer, Client, client_of, settings_of
from limner.application.tasks.settle import settle
from limner.bootstrap import opened
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Ending, Status
from serving import Served, serving

WORK_S = 1.5

EIGHT = {"queued", "running", "success", "failed", "banned", "expired", "cancelled", "unknown"}

ENDINGS = [
    Ending(Status.FAILED, error_code=1001, error_msg="the vendor is down"),
    Ending(Status.BANNED, error_code=2008, error_msg="the vendor said no"),
    Ending(Status.EXPIRED, error_code=1001, error_msg="it waited too long"),
]


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One task at a time, and it takes its time."""
    with serving(tmp_path_factory.mktemp("slow"), sandbox_delay_s=str(WORK_S), tasks_at_once="1") as served:
        yield served


@pytest.fixture(scope="module")
def first(slow: Served) -> list[Answer]:
    """All that was answered about the first task of a new server, from its creation to its end."""
    client = client_of(slow)
    return lives_of(client, client.submit())[0]


@pytest.fixture(scope="module")
def lives(slow: Served, first: list[Answer]) -> list[list[Answer]]:
    """The lives of tasks that wait for each other and then succeed, and of those that end otherwise."""
    client = client_of(slow)
    waiting = [client.submit() for _ in range(2)]
    others = [client.submit() for _ in ENDINGS]
    for task_id, ending in zip(others, ENDINGS, strict=True):
        asyncio.run(end(slow, task_id, ending))
    cancelled = client.submit()
    client.post(f"/task/{cancelled}/cancel", b"")
    return [first, *lives_of(client, *waiting, *others, cancelled)]


@pytest.fixture(scope="module")
def answers(lives: list[list[Answer]]) -> list[Answer]:
    return [answer for life in lives for answer in life]


@pytest.fixture(scope="module")
def bodies(answers: list[Answer]) -> list[dict[str, Any]]:
    return [answer.data for answer in answers]


@pytest.fixture(scope="module")
def refusals(slow: Served, lives: list[list[Answer]]) -> list[Answer]:
    """One of each kind: no key, no such task, no JSON, a bad field, too much at once, no such path."""
    client = client_of(slow)
    unknown = "00000000-0000-4000-8000-000000000000"
    return [
        client.as_(None).create(),
        client.get(f"{BASE}/task/{unknown}"),
        client.post("/task", b"{"),
        client.create(type="no_such_type"),
        client.create(prompt=7),
        client.upload(b""),
        client.post("/upload/sts/token", {"format": "gif"}),
        client.get(f"{BASE}/no/such/path"),
        client.call("DELETE", f"{BASE}/task/{unknown}"),
        next(answer for _ in range(100) if (answer := client.create(type="text_to_image")).status != 200),
    ]


def lives_of(client: Client, *task_ids: str) -> list[list[Answer]]:
    """All that is answered about these tasks until the last of them has ended."""
    seen: list[list[Answer]] = [[] for _ in task_ids]
    deadline = time.monotonic() + TIMEOUT_S
    while not all(life and life[-1].data["status"] in FINAL for life in seen):
        assert time.monotonic() < deadline, [life[-1].body for life in seen]
        time.sleep(0.02)
        for life, task_id in zip(seen, task_ids, strict=True):
            life.append(client.get(f"{BASE}/task/{task_id}"))
    return seen


async def end(served: Served, task_id: str, ending: Ending) -> None:
    """End a waiting task as a worker would."""
    async with opened(settings_of(served)) as limner:
        now_ms = limner.clock.now_ms()
        assert await limner.store.run(lambda records: settle(records, TaskId(task_id), ending, now_ms, owner=None))


def test_the_lives_have_every_state(bodies: list[dict[str, Any]]) -> None:
    assert {body["status"] for body in bodies} == EIGHT - {"unknown"}


def test_rule_a_the_time_left_is_always_reported(bodies: list[dict[str, Any]]) -> None:
    assert all(body["running_left_time"] == -1 for body in bodies if body["status"] != "running")
    assert all(body["running_left_time"] >= 1 for body in bodies if body["status"] == "running")


def test_rule_a_the_time_left_is_small_although_nothing_is_known(first: list[Answer]) -> None:
    """A client sleeps for half of it."""
    reported = [answer.data["running_left_time"] for answer in first if answer.data["status"] == "running"]

    assert max(reported) <= 8


def test_rule_a_the_time_left_is_honest_once_a_task_has_been_made(lives: list[list[Answer]]) -> None:
    """Up to 4, a client looks again as soon as it can: after 2 seconds."""
    reported = [answer.data["running_left_time"] for answer in lives[2] if answer.data["status"] == "running"]

    assert max(reported) <= 4


def test_rule_b_output_is_an_object_in_every_state(bodies: list[dict[str, Any]]) -> None:
    assert all(isinstance(body["output"], dict) for body in bodies)
    assert all(bool(body["output"]) == (body["status"] == "success") for body in bodies)


def test_rule_c_a_status_is_one_of_the_eight_and_never_unknown() -> None:
    """`unknown` is the one that old clients ask after for ever."""
    assert set(Status) == EIGHT - {"unknown"}


def test_rule_d_errors_are_4xx_or_5xx_with_a_code_and_a_message(refusals: list[Answer]) -> None:
    reported = [answer.json for answer in refusals]

    assert [answer.status for answer in refusals] == [401, 404, 400, 400, 400, 400, 400, 404, 405, 429]
    assert [body["code"] for body in reported] == [1002, 2001, 1003, 2002, 1004, 2003, 1004, 9404, 9405, 2000]
    assert all(body["message"] and body["suggestion"] for body in reported)


def test_rule_e_every_answer_in_json_says_so(answers: list[Answer], refusals: list[Answer]) -> None:
    assert {answer.headers["Content-Type"] for answer in answers + refusals} == {"application/json"}


def test_rule_f_numbers_are_whole(bodies: list[dict[str, Any]]) -> None:
    names = ("progress", "create_time", "running_left_time", "queuing_num", "consumed_credit")

    assert {type(body[name]) for body in bodies for name in names} == {int}
    assert all(0 <= body["progress"] <= 100 for body in bodies)
    assert all(abs(body["create_time"] - time.time()) < 3600 for body in bodies)
