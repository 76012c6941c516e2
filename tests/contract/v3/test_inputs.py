"""How a reference picture is named."""

from typing import Any

import pytest

from contract.client import WEBP, footprint, newcomer
from contract.v3.client import V3Client, on_v3
from serving import Served

NOBODY = "00000000-0000-4000-8000-000000000000"
URL = "https://example.org/a.png"
FIELDS = ["input", "inputs", "file", "files"]


def sent(field: str, value: Any) -> dict[str, Any]:
    return {field: [value] if field.endswith("s") else value}


def named(field: str) -> str:
    return f"{field}[0]" if field.endswith("s") else field


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("form", ["file_{}", "{}", "  file_{}\n"], ids=["token", "token of v2", "token with blanks"])
def test_an_upload_is_named_by_its_token(client: V3Client, field: str, form: str) -> None:
    token = form.format(client.token().removeprefix("file_"))
    value = {"file_token": token} if form == "{}" else token
    task = client.done(**sent(field, value))

    assert task["status"] == "success"


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("form", ["text", "object"])
def test_a_task_is_named_by_its_id_and_its_picture_is_meant(client: V3Client, field: str, form: str) -> None:
    made = client.done()["task_id"]
    task = client.done(**sent(field, made if form == "text" else {"task_id": made}))

    assert task["status"] == "success"
    assert task["input"][field] == sent(field, {"task_id": made})[field]


def test_the_picture_of_a_task_is_what_the_model_gets(served: Served, client: V3Client) -> None:
    made = client.done(prompt="the first")
    picture = client.get(made["output"]["generated_image_url"], auth=False)
    second = client.done(input=made["task_id"])
    reported = served.cli("tasks", "explain", second["task_id"])

    assert [item["blob"] for item in reported["inputs"]] == [picture.headers["ETag"].strip('"').partition("-")[0]]


@pytest.mark.parametrize("form", ["object", "url"])
def test_an_object_and_a_url_are_taken(waiting: V3Client, form: str) -> None:
    token = waiting.token()
    key = waiting.task(waiting.submit(input=token))["input"]["input"]["object"]
    value = {"object": key} if form == "object" else {"url": URL, "type": "png"}

    assert waiting.create(input=value).status == 200


@pytest.mark.parametrize("field", FIELDS)
def test_a_url_is_a_plain_text(waiting: V3Client, field: str) -> None:
    task = waiting.task(waiting.submit(**sent(field, "HTTPS://example.org/a.png")))

    assert task["input"][field] == sent(field, {"url": "HTTPS://example.org/a.png"})[field]


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pictures", [{}, {"input": None}, {"inputs": []}, {"files": [], "file": None}, {"style_image": {"url": URL}}]
)
def test_a_request_without_a_picture_is_refused(refusing: V3Client, pictures: dict[str, Any]) -> None:
    answer = refusing.post("/generation/image-to-image", {"prompt": "a cat", **pictures})

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("input is missing")
    assert "text-to-image" in answer.suggestion


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "cat.png",
        "/home/me/cat.png",
        "file_",
        "file_cat",
        NOBODY.upper().replace("0", "A"),
        "ftp://example.org/a.png",
        "tripo-data/a",
        5,
        True,
        [],
        {},
        {"type": "png"},
        {"url": URL, "file_token": NOBODY},
        {"task_id": NOBODY, "url": URL},
        {"url": 5},
    ],
)
def test_what_names_no_picture_is_refused(refusing: V3Client, field: str, value: Any) -> None:
    answer = refusing.create(**sent(field, value))

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith(named(field))


@pytest.mark.parametrize("value", [None, "cat.png"])
def test_a_list_has_no_gaps(refusing: V3Client, value: Any) -> None:
    answer = refusing.create(inputs=[URL, value])

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("inputs[1] ")


@pytest.mark.parametrize(
    "url", ["http://", "https://a b", "http://user:password@example.org/", "http://example.org:0/"]
)
def test_what_only_begins_like_a_url_is_refused(refusing: V3Client, url: str) -> None:
    answer = refusing.create(input=url)

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("input.url: ")


@pytest.mark.parametrize("field", FIELDS)
def test_an_unknown_token_is_not_found(refusing: V3Client, field: str) -> None:
    answer = refusing.create(**sent(field, f"file_{NOBODY}"))

    assert answer.refusal == (404, 2019)
    assert answer.suggestion.startswith(f"{named(field)}.file_token: ")


@pytest.mark.parametrize("field", FIELDS)
def test_an_unknown_task_is_not_found(refusing: V3Client, field: str) -> None:
    answer = refusing.create(**sent(field, NOBODY))

    assert answer.refusal == (404, 2001)
    assert answer.suggestion.startswith(f"{named(field)}: ")


@pytest.mark.parametrize("odd", ["none", "", "\0", "\N{CAT FACE}", "A" * 100])
def test_an_odd_task_is_not_found(refusing: V3Client, odd: str) -> None:
    assert refusing.create(input={"task_id": odd}).refusal == (404, 2001)


def test_another_accounts_picture_is_as_unknown_as_none_at_all(served: Served, client: V3Client) -> None:
    other_client = on_v3(newcomer(served))
    theirs, token = client.done()["task_id"], client.token()
    tasks = [other_client.create(input=each) for each in (theirs, NOBODY)]
    tokens = [other_client.create(input=each) for each in (token, f"file_{NOBODY}")]

    assert [answer.refusal for answer in tasks + tokens] == [(404, 2001)] * 2 + [(404, 2019)] * 2
    assert tasks[0].suggestion.replace(theirs, NOBODY) == tasks[1].suggestion
    assert other_client.balance() == (1000, 0)


def test_a_task_that_waits_has_no_picture_yet(idle: Served, waiting: V3Client) -> None:
    made = waiting.submit()
    before = footprint(idle)
    answer = waiting.create(inputs=[URL, made])

    assert answer.refusal == (400, 2007)
    assert answer.suggestion.startswith(f"inputs[1]: task {made!r} is queued: no picture. Wait")
    assert footprint(idle) == before


def test_a_task_that_failed_has_no_picture(client: V3Client) -> None:
    failed = client.done(input="http://not-there.invalid/cat.png")["task_id"]
    answer = client.create(input=failed)

    assert answer.refusal == (400, 2007)
    assert "is failed: no picture" in answer.suggestion


def test_webp_for_kontext_is_refused(idle: Served, waiting: V3Client) -> None:
    token = waiting.token(WEBP)
    before = footprint(idle)
    answer = waiting.create(input=token)

    assert answer.refusal == (400, 2004)
    assert answer.suggestion.startswith("input.file_token: flux.1_kontext_pro does not accept image/webp images")
    assert footprint(idle) == before


def test_of_several_pictures_one_that_fails_keeps_all_out(idle: Served) -> None:
    client = on_v3(newcomer(idle, credits=5))
    token = client.token()
    before = footprint(idle)
    answer = client.create(input=token, inputs=[token, NOBODY])

    assert answer.refusal == (404, 2001)
    assert footprint(idle) == before
    assert client.balance() == (5, 0)
