"""Several pictures under one task: what is held, what is answered, what is refused."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contract.client import Client, footprint, newcomer
from contract.v3.client import V3Client
from serving import Served

PRICE = 5


@pytest.fixture
def buyer(served: Served) -> Client:
    return newcomer(served)


@pytest.fixture
def refusing(idle: Served) -> Iterator[Client]:
    """A client all of whose requests have to leave nothing behind."""
    client = newcomer(idle)
    before = footprint(idle)
    yield client
    assert footprint(idle) == before


def test_each_picture_has_a_link_that_serves_it_and_costs_its_price(buyer: Client) -> None:
    task = buyer.done(n=3)

    output = task["output"]
    assert set(output) == {"generated_image", "generated_images"}
    assert len(output["generated_images"]) == 3
    assert output["generated_image"] == output["generated_images"][0] == task["thumbnail"]
    assert len(set(output["generated_images"])) == 3
    for url in output["generated_images"]:
        assert buyer.get(url, auth=False).headers["Content-Type"] == "image/png"
    assert [each["url"] for each in task["result"]["generated_images"]] == output["generated_images"]
    assert task["result"]["generated_image"] == task["result"]["generated_images"][0]
    assert task["consumed_credit"] == 3 * PRICE
    assert buyer.balance() == (1000 - 3 * PRICE, 0)
    assert task["input"]["n"] == 3
    assert "error_msg" not in task


def test_the_whole_number_is_held_while_the_task_waits(idle: Served) -> None:
    client = newcomer(idle)
    client.submit(n=10)

    assert client.balance() == (1000 - 10 * PRICE, 10 * PRICE)


def test_what_an_account_cannot_pay_is_refused_as_a_whole(idle: Served) -> None:
    client = newcomer(idle, credits=2 * PRICE)

    assert client.create(n=3).refusal == (403, 2010)
    assert client.create(n=2).status == 200


def test_one_picture_is_answered_as_ever(buyer: Client) -> None:
    task = buyer.done(n=1)

    assert set(task["output"]) == {"generated_image"}
    assert set(task["result"]) == {"generated_image"}
    assert "ignored" not in task


def test_v3_obeys_the_number_too(served: Served, buyer: Client) -> None:
    client = V3Client(served.url, buyer.key)
    created = client.post("/generation/text-to-image", {"prompt": "a cat", "size": "2K", "seed": 5, "n": 4}).data
    buyer.wait(created["task_id"])

    task = client.task(created["task_id"])
    assert set(task["output"]) == {"generated_image_url", "generated_image_urls"}
    assert len(task["output"]["generated_image_urls"]) == 4
    assert task["credits_consumed"] == 4 * PRICE


def test_fields_that_are_not_obeyed_are_told_with_the_reason(idle: Served, buyer: Client) -> None:
    waiting = newcomer(idle)
    accepted = waiting.task(waiting.submit(seed=5, size="2K", quality="high"))
    done = buyer.done(seed=5, size="2K", quality="high")

    assert [each["field"] for each in accepted["ignored"]] == ["size", "quality", "seed"]
    assert accepted["ignored"] == done["ignored"]
    assert all(each["reason"] for each in done["ignored"])


@pytest.mark.parametrize(
    ("field", "value", "limit"),
    [
        ("n", 11, "1 to 10 pictures"),
        ("n", 0, "1 to 10 pictures"),
        ("n", -1, "1 to 10"),
        ("n", 2.5, "1 to 10"),
        ("n", "4", "1 to 10"),
        ("n", True, "1 to 10"),
        ("size", "8K", "1K, 2K, 4K"),
        ("size", "5000x5000", "64 to 4096"),
        ("size", "64x4096", "at most 8 times"),
        ("size", 1024, "1K, 2K, 4K"),
        ("aspect_ratio", "16x9", "1:8 to 8:1"),
        ("aspect_ratio", "9:1", "1:8 to 8:1"),
        ("quality", "ultra", "low, medium, high, xhigh, max"),
        ("background", "green", "transparent, opaque"),
        ("output_format", "gif", "png, jpeg, webp"),
        ("seed", -1, "0 to 2147483647"),
        ("seed", 2**31, "0 to 2147483647"),
        ("seed", 2**70, "0 to 2147483647"),
    ],
)
def test_a_value_that_no_model_takes_is_refused_with_field_and_limit(
    refusing: Client, field: str, value: Any, limit: str
) -> None:
    answer = refusing.create(**{field: value})

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith(f"{field} ")
    assert limit in answer.suggestion


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"size": "1024x1024", "aspect_ratio": "1:1"}, "aspect_ratio"),
        ({"background": "transparent", "output_format": "jpeg"}, "background"),
        ({"output_compression": 50}, "output_compression"),
        ({"output_compression": 50, "output_format": "png"}, "output_compression"),
        ({"output_compression": 101, "output_format": "jpeg"}, "output_compression"),
        ({"background": "transparent"}, "background"),
    ],
)
def test_values_that_exclude_each_other_are_refused(refusing: Client, fields: dict[str, Any], field: str) -> None:
    answer = refusing.create(**fields)

    assert answer.refusal == (400, 1004)
    assert field in answer.suggestion


@pytest.mark.parametrize("value", ["auto", "AUTO", None])
@pytest.mark.parametrize("field", ["size", "quality", "background", "output_format", "aspect_ratio"])
def test_auto_leaves_the_choice_to_the_model(idle: Served, field: str, value: str | None) -> None:
    client = newcomer(idle)
    answer = client.post("/task", json.dumps({"type": "generate_image", "prompt": "a cat", field: value}).encode())

    assert "ignored" not in client.task(answer.data["task_id"])
