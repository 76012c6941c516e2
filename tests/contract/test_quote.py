"""Quotes: what a task would cost and do, and all that is wrong with it. Nothing is spent, stored or fetched."""

from collections.abc import Iterator
from typing import Any

import pytest

from contract.client import Answer, Client, client_of, footprint, newcomer
from contract.v3.client import V3Client
from serving import Served

URL = "https://example.org/a.png"


def quoted(client: Client, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = quote(client, **fields).data
    return found


def quote(client: Client, **fields: Any) -> Answer:
    filled = {"type": "generate_image", "prompt": "a small cat"} | fields
    return client.post("/task/quote", {name: value for name, value in filled.items() if value is not None})


def problems(found: dict[str, Any]) -> dict[str | None, int]:
    return {each["field"]: each["code"] for each in found["problems"]}


@pytest.fixture
def asking(idle: Served) -> Iterator[Client]:
    """A caller whose requests have to leave nothing behind."""
    client = newcomer(idle)
    before = footprint(idle)
    yield client
    assert footprint(idle) == before


def test_a_quote_tells_price_model_route_prompt_and_funds(asking: Client) -> None:
    found = quoted(asking)

    assert (found["price"], found["n"], found["problems"], found["ignored"]) == (5, 1, [], [])
    assert found["model"] == {
        "model_version": "flux.1_kontext_pro",
        "title": "FLUX.1 Kontext Pro",
        "reason": "no model was named, and this is the default here",
    }
    assert found["route"] == {
        "name": "sandbox/flux.1_kontext_pro",
        "provider": "sandbox",
        "model": "flux.1_kontext_pro",
        "price_usd": 0.0,
        "expected_seconds": 8.0,
        "open": True,
    }
    assert found["funds"] == {"balance": 1000, "frozen": 0, "budgets": []}
    [prompt] = found["prompts"]
    assert prompt["text"] == "a small cat"
    assert prompt["parts"] == [{"source": "caller", "text": "a small cat"}]


def test_a_quote_is_what_the_task_becomes(client: Client) -> None:
    fields = {"model_version": "flux.1_dev", "template": "t_pose", "t_pose": True, "file": {"url": URL}, "n": 2}
    found = quoted(client, **fields)
    task = client.task(client.submit(**fields))

    assert found["model"]["model_version"] == task["input"]["model_version"] == "flux.1_kontext_pro"
    assert found["model"]["reason"] == "flux.1_dev takes no pictures, and flux.1_kontext_pro takes over for it"
    assert found["price"] == 10
    assert [each["picture"] for each in found["prompts"]] == ["1", "2"]


def test_a_prompt_is_told_in_its_parts_and_the_pictures_in_their_order(asking: Client) -> None:
    found = quoted(
        asking,
        model_version="gpt_4o",
        template="t_pose",
        sketch_to_render=True,
        file={"url": URL},
        files=[{"url": URL}],
        prompt="the cat of image[2]",
    )
    [prompt] = found["prompts"]

    assert [each["source"] for each in prompt["parts"]] == ["pictures", "template", "sketch_to_render", "caller"]
    assert all(each["text"] in prompt["text"] for each in prompt["parts"])
    assert prompt["aspect_ratio"] == "1:1"
    assert found["references"] == [
        {"number": 1, "source": "caller", "field": "file"},
        {"number": 2, "source": "caller", "field": "files[0]"},
        {"number": 3, "source": "template", "template": "t_pose"},
    ]


def test_all_problems_are_told_with_their_fields(asking: Client) -> None:
    found = quoted(
        asking,
        prompt="a" * 1025,
        template="nothing",
        n=11,
        size="9K",
        seed=-1,
        quality="good",
        priority=7,
        file={"url": "ftp://example.org/a.png"},
        max_vendor_usd=-1,
        fallback="perhaps",
    )

    assert problems(found) == {
        "prompt": 1004,
        "template": 1004,
        "n": 1004,
        "size": 1004,
        "seed": 1004,
        "quality": 1004,
        "priority": 2013,
        "file.url": 1004,
        "max_vendor_usd": 1004,
        "fallback": 1004,
    }
    assert found["price"] == 5
    suggestions = {each["field"]: each["suggestion"] for each in found["problems"]}
    assert suggestions["n"] == "n is 11. n may be 1 to 10 pictures."


def test_a_problem_is_what_a_create_answers(asking: Client) -> None:
    [problem] = quoted(asking, model_version="flux.9")["problems"]
    refused = asking.create(model_version="flux.9")

    assert problem == {**refused.json, "field": "model_version"}


@pytest.mark.parametrize("fields", [{"prompt": None}, {"prompt": ""}, {"prompt": 5}, {"prompt": "🙂"}])
def test_a_composer_without_words_is_quoted_all_the_same(asking: Client, fields: dict[str, Any]) -> None:
    found = quoted(asking, **fields)

    assert problems(found).keys() == {"prompt"}
    assert found["price"] == 5


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"type": "paint"}, "type", 2002),
        ({"type": None}, "type", 2002),
        ({"type": "generate_multiview_image"}, "file", 1004),
        ({"type": "edit_multiview_image"}, "original_task_id", 1004),
        ({"model_version": "flux.9"}, "model_version", 2017),
    ],
)
def test_what_cannot_be_planned_has_no_price(asking: Client, fields: dict[str, Any], field: str, code: int) -> None:
    found = quoted(asking, **fields)

    assert problems(found)[field] == code
    assert (found["price"], found["model"], found["route"], found["prompts"]) == (None, None, None, [])


def test_several_views_are_quoted(asking: Client) -> None:
    found = quoted(asking, type="generate_multiview_image", prompt=None, file={"url": URL})

    assert (found["price"], found["problems"]) == (10, [])
    assert [each["picture"] for each in found["prompts"]] == ["front", "left", "back", "right"]


def test_what_is_not_obeyed_is_told(asking: Client) -> None:
    ignored = {each["field"]: each["reason"] for each in quoted(asking, seed=5, unheard_of=1)["ignored"]}

    assert ignored.keys() == {"seed", "unheard_of"}
    assert "takes no seed" in ignored["seed"]


def test_a_picture_inside_the_request_is_neither_read_nor_kept(asking: Client, inline: dict[str, str]) -> None:
    assert quoted(asking, file=inline)["problems"] == []


def test_the_uploads_of_others_are_not_there(client: Client, other_client: Client) -> None:
    token = client.token()

    assert quoted(client, file={"file_token": token})["problems"] == []
    assert problems(quoted(other_client, file={"file_token": token})) == {"file.file_token": 2019}


def test_the_tasks_of_others_are_not_there(client: Client, other_client: Client, inline: dict[str, str]) -> None:
    done = client.done(type="generate_multiview_image", prompt=None, file=inline)["task_id"]
    edit = {"type": "edit_multiview_image", "prompt": None, "original_task_id": done}
    edit["prompts"] = [{"view": "left", "prompt": "a hat"}]

    assert quoted(client, **edit)["problems"] == []
    assert problems(quoted(other_client, **edit)) == {"original_task_id": 2001}


def test_a_task_that_cannot_be_paid_is_quoted(idle: Served) -> None:
    found = quoted(newcomer(idle, credits=4))

    assert problems(found) == {None: 2010}
    assert found["price"] == 5


def test_a_quote_needs_a_key_that_reads(idle: Served) -> None:
    assert quote(newcomer(idle, scopes=("read",))).status == 200
    assert quote(newcomer(idle, scopes=("generate",))).refusal == (403, 1005)
    assert quote(client_of(idle).as_(None)).refusal == (401, 1002)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"a"', b"\xff"])
def test_a_body_that_is_no_object_is_an_error(idle: Served, body: bytes) -> None:
    assert client_of(idle).post("/task/quote", body).refusal == (400, 1003)


# --- v3 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body", "price"),
    [
        ("text-to-image", {"prompt": "a cat", "n": 2}, 10),
        ("image-to-image", {"prompt": "a cat", "input": URL, "model": "banana_pro"}, 10),
        ("image-to-multiview", {"input": URL}, 10),
    ],
)
def test_v3_quotes_each_kind(idle: Served, kind: str, body: dict[str, Any], price: int) -> None:
    found = V3Client(**vars(newcomer(idle))).post(f"/generation/{kind}/quote", body).data

    assert (found["price"], found["problems"]) == (price, [])


def test_v3_tells_all_problems_too(idle: Served) -> None:
    client = V3Client(**vars(newcomer(idle)))
    body = {"prompt": "a" * 1801, "n": 0, "model": "seedream_v9", "input": "nothing"}
    found = client.post("/generation/image-to-image/quote", body).data

    assert problems(found).keys() == {"prompt", "n", "model", "input"}


def test_a_wrong_picture_keeps_the_numbers_of_the_others(asking: Client) -> None:
    files = [{"url": URL}, {"url": URL, "data": ""}, "nothing", {"url": URL}]
    found = quoted(asking, files=files, prompt="image[4] and image[5]")

    assert problems(found).keys() == {"files[1]", "files[2]", "prompt"}
    assert len(found["references"]) == 4
