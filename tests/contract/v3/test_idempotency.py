"""Idempotency-Key: a request sent twice makes one task, as on v2."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from contract.client import footprint
from contract.v3.client import V3Answer, V3Client
from serving import Served

URL = "https://example.org/a.png"


def create(client: V3Client, key: str, **fields: object) -> V3Answer:
    return client.create({"Idempotency-Key": key}, **fields)


@pytest.mark.parametrize("fields", [{}, {"input": URL}], ids=["text-to-image", "image-to-image"])
def test_the_same_request_under_the_same_key_gets_the_same_answer(waiting: V3Client, fields: dict[str, str]) -> None:
    first, second = create(waiting, "a-1", **fields), create(waiting, "a-1", **fields)

    assert first.body == second.body
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert waiting.balance() == (995, 5)


def test_another_request_under_the_same_key_is_a_conflict_in_the_envelope_of_v3(
    idle: Served, waiting: V3Client
) -> None:
    create(waiting, "a-2")
    before = footprint(idle)
    answers = [create(waiting, "a-2", prompt="a large cat"), create(waiting, "a-2", input=URL)]

    assert [answer.refusal for answer in answers] == [(422, 1004)] * 2
    assert all(answer.suggestion.startswith("Idempotency-Key: ") for answer in answers)
    assert footprint(idle) == before


def test_a_key_used_on_v2_is_used_on_v3(waiting: V3Client) -> None:
    waiting.v2.create({"Idempotency-Key": "a-3"})

    assert create(waiting, "a-3").refusal == (422, 1004)


@pytest.mark.parametrize("key", ["", "a" * 256, "a b", "é"])
def test_another_key_is_refused(refusing: V3Client, key: str) -> None:
    answer = create(refusing, key)

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("Idempotency-Key: ")


def test_a_refused_request_may_be_mended_under_its_key(waiting: V3Client) -> None:
    refused = create(waiting, "a-4", prompt="")
    accepted = create(waiting, "a-4", prompt="a cat")

    assert (refused.status, accepted.status) == (400, 200)


def test_twins_make_one_task(waiting: V3Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: create(waiting, "twins"), range(16)))

    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert waiting.balance() == (995, 5)
