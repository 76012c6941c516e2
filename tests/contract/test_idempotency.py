"""Idempotency-Key: a request sent twice makes one task."""

import base64
import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from contract.client import BASE, Answer, Client, footprint, newcomer
from serving import Served, serving
from unit.intake.pictures import encoded, scene


@pytest.fixture
def client(idle: Served) -> Client:
    return newcomer(idle)


def create(client: Client, key: str, **fields: object) -> Answer:
    return client.create({"Idempotency-Key": key}, **fields)


def test_the_same_request_under_the_same_key_gets_the_same_answer(client: Client) -> None:
    first, second = create(client, "a-1"), create(client, "a-1")

    assert first.body == second.body
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert client.balance() == (995, 5)


def test_requests_without_a_key_are_two(client: Client) -> None:
    assert client.create().data["task_id"] != client.create().data["task_id"]
    assert client.balance() == (990, 10)


def test_another_request_under_the_same_key_is_a_conflict(idle: Served, client: Client) -> None:
    create(client, "a-2")
    before = footprint(idle)
    answer = create(client, "a-2", prompt="a large cat")

    assert answer.refusal == (422, 1004)
    assert answer.suggestion.startswith("Idempotency-Key: ")
    assert footprint(idle) == before


def test_a_body_in_other_bytes_is_another_request(client: Client) -> None:
    fields = {"type": "generate_image", "prompt": "a cat"}
    bodies = [json.dumps(fields).encode(), json.dumps(fields, indent=1).encode()]
    answers = [client.post("/task", body, {"Idempotency-Key": "a-3"}) for body in bodies]

    assert [answer.status for answer in answers] == [200, 422]


def test_a_key_belongs_to_its_account(idle: Served, client: Client) -> None:
    other = newcomer(idle)
    first, second = create(client, "shared"), create(other, "shared")

    assert first.data["task_id"] != second.data["task_id"]
    assert "Idempotency-Replayed" not in second.headers


@pytest.mark.parametrize("key", ["!", "~", "a" * 255, "5f1c2a34-9d6e-4c0b-8a51-2f7f0e6b9c10", "{'a':\"b\"}"])
def test_a_key_is_1_to_255_visible_characters(client: Client, key: str) -> None:
    assert create(client, key).status == 200
    assert create(client, key).headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("key", ["", "a" * 256, "a b", "é", "a\tb"])
def test_another_key_is_refused(idle: Served, client: Client, key: str) -> None:
    before = footprint(idle)
    answer = create(client, key)

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("Idempotency-Key: ")
    assert "255" in answer.suggestion
    assert footprint(idle) == before


def test_a_refused_request_may_be_mended_under_its_key(client: Client) -> None:
    refused = create(client, "a-4", prompt="")
    accepted = create(client, "a-4", prompt="a cat")

    assert refused.refusal == (400, 1004)
    assert accepted.status == 200
    assert "Idempotency-Replayed" not in accepted.headers


def test_a_request_refused_for_credits_may_be_sent_again_as_it_was(idle: Served) -> None:
    client = newcomer(idle, name="late", credits=4)
    refused = create(client, "a-5")
    idle.cli("credits", "grant", "1", "--account", "late")
    accepted = create(client, "a-5")

    assert refused.refusal == (403, 2010)
    assert accepted.status == 200


def test_a_repeat_is_answered_when_no_credit_is_left(idle: Served) -> None:
    client = newcomer(idle, credits=5)
    first, second = create(client, "a-6"), create(client, "a-6")

    assert first.body == second.body
    assert client.balance() == (0, 5)


def test_a_repeat_with_a_picture_in_it_is_answered_when_no_credit_is_left(idle: Served, inline: dict[str, str]) -> None:
    client = newcomer(idle, credits=5)
    first, second = (create(client, "a-7", file=inline) for _ in range(2))

    assert first.body == second.body
    assert second.headers["Idempotency-Replayed"] == "true"


def test_a_conflict_keeps_no_picture(idle: Served, client: Client) -> None:
    create(client, "a-8")
    before = footprint(idle)
    fresh = base64.b64encode(encoded(scene((36, 44)), "PNG")).decode()
    answer = create(client, "a-8", file={"data": fresh})

    assert answer.refusal == (422, 1004)
    assert footprint(idle) == before


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("narrow"), "--api-only", account_tasks="1") as server:
        yield server


def test_a_repeat_is_answered_at_the_limit(narrow: Served) -> None:
    client = newcomer(narrow)
    first, second, another = create(client, "b-1"), create(client, "b-1"), create(client, "b-2")

    assert first.body == second.body
    assert another.refusal == (429, 2000)


def test_a_request_refused_at_the_limit_is_not_remembered(narrow: Served) -> None:
    client = newcomer(narrow)
    first = client.submit()
    refused = create(client, "b-3")
    client.post(f"/task/{first}/cancel", b"")
    accepted = create(client, "b-3")

    assert refused.refusal == (429, 2000)
    assert accepted.status == 200
    assert "Idempotency-Replayed" not in accepted.headers


def test_twins_make_one_task(client: Client) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: create(client, "twins"), range(32)))

    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert client.balance() == (995, 5)


def test_a_key_is_free_again_after_a_day(idle: Served, client: Client) -> None:
    first = create(client, "yesterday").data["task_id"]
    with closing(sqlite3.connect(idle.data / "limner.db")) as connection, connection:
        connection.execute("UPDATE idempotency SET created_ms = created_ms - 86400000 WHERE task = ?", (first,))
    second = create(client, "yesterday", prompt="another cat")

    assert second.status == 200
    assert second.data["task_id"] != first
    assert "Idempotency-Replayed" not in second.headers


def test_a_task_that_is_done_is_still_the_answer(served: Served) -> None:
    client = newcomer(served)
    first = create(client, "c-1")
    client.wait(first.data["task_id"])
    second = create(client, "c-1")

    assert first.body == second.body
    assert client.get(f"{BASE}/task/{second.data['task_id']}").data["status"] == "success"
    assert client.balance() == (995, 0)
