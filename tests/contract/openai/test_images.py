"""OpenAI's Images API, called by the published `openai` package with base URL and key changed alone."""

import base64
import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from PIL import Image

from contract.client import PICTURE, Answer, Client, multipart, newcomer
from serving import Served, serving
from unit.intake.pictures import encoded, png_chunk

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def caller(served: Served) -> Client:
    return newcomer(served)


@pytest.fixture
def sdk(caller: Client) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{caller.url}/v1", api_key=caller.key, max_retries=0) as client:
        yield client


def picture(data: Any) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data.b64_json)))


def post(caller: Client, body: dict[str, Any], path: str = "generations", **headers: str) -> Answer:
    return caller.call("POST", f"/v1/images/{path}", json.dumps(body).encode(), JSON | headers)


@pytest.mark.parametrize(
    "model", ["gpt-image-1", "gpt-image-2.6-flare", "dall-e-2", "dall-e-3", "", "flux.1_kontext_pro"]
)
def test_every_model_name_that_apps_ship_makes_a_picture(sdk: openai.OpenAI, model: str) -> None:
    made = sdk.images.generate(model=model, prompt="a lighthouse 🗼", size="1792x1024", n=1)

    assert made.data
    assert picture(made.data[0]).format in {"PNG", "WEBP", "JPEG"}
    assert made.created > 0


def test_several_pictures_come_from_one_call_at_the_price_of_each(sdk: openai.OpenAI, caller: Client) -> None:
    made = sdk.images.generate(model="gpt-image-1", prompt="three foxes", n=3)

    assert len(made.data or []) == 3
    assert caller.balance() == (1000 - 15, 0)


def test_a_link_is_answered_where_one_is_asked_for(sdk: openai.OpenAI, caller: Client) -> None:
    made = sdk.images.generate(model="dall-e-3", prompt="a fox", response_format="url")

    assert made.data
    assert caller.get(str(made.data[0].url), auth=False).status == 200


def test_pictures_are_edited_from_a_form(sdk: openai.OpenAI) -> None:
    made = sdk.images.edit(model="gpt-image-1", prompt="as a statue", image=[("a.png", PICTURE), ("b.png", PICTURE)])

    assert picture((made.data or [])[0]).size


@pytest.mark.parametrize(
    "pictures",
    [
        {"images": [{"image_url": "data:image/png;base64," + base64.b64encode(PICTURE).decode()}]},
        {"image": "data:image/png;base64," + base64.b64encode(PICTURE).decode()},
        {"image": [base64.b64encode(PICTURE).decode()]},
        {"image": {"url": "data:image/png;base64," + base64.b64encode(PICTURE).decode()}},
    ],
    ids=["images", "data URL", "base64", "object"],
)
def test_pictures_are_edited_from_json_in_every_form_that_apps_send(caller: Client, pictures: dict[str, Any]) -> None:
    answer = post(caller, {"prompt": "as a statue", "model": "gpt-image-1"} | pictures, "edits")

    assert answer.status == 200, answer.body
    assert answer.json["data"][0]["b64_json"]


def test_an_uploaded_picture_is_edited_by_its_token(caller: Client) -> None:
    answer = post(caller, {"prompt": "as a statue", "images": [{"file_id": caller.token()}]}, "edits")

    assert answer.status == 200, answer.body


def test_events_end_with_the_picture(sdk: openai.OpenAI) -> None:
    events = list(sdk.images.generate(model="gpt-image-1", prompt="a fox", stream=True, partial_images=0))

    assert [event.type for event in events] == ["image_generation.completed"]
    assert picture(events[0]).size


def test_a_call_that_need_not_be_held_answers_a_task(caller: Client) -> None:
    accepted = post(caller, {"prompt": "a fox", "async": True})
    task = accepted.json

    assert (accepted.status, task["object"]) == (202, "image.task")
    assert accepted.headers["Location"] == f"/v1/images/tasks/{task['id']}"
    caller.wait(task["id"])
    done = caller.get(accepted.headers["Location"]).json
    assert (done["status"], done["error"]) == ("completed", None)
    assert caller.get(done["data"][0]["url"], auth=False).status == 200


def test_unknown_fields_are_ignored_and_named(caller: Client) -> None:
    answer = post(caller, {"prompt": "a fox", "steps": 20, "aspectRatio": "16:9", "user": "ada"})

    assert answer.status == 200
    assert answer.headers["x-limner-ignored"] == "aspectRatio, steps"
    assert caller.task(answer.headers["x-limner-task-id"])["status"] == "success"


def test_models_are_listed_and_found(sdk: openai.OpenAI) -> None:
    names = {model.id for model in sdk.models.list()}

    assert {"flux.1_kontext_pro", "gpt-image-1"} <= names
    assert sdk.models.retrieve("gpt-image-1").id == "gpt-image-1"


def test_headers_say_what_ran_and_what_had_no_effect(caller: Client) -> None:
    made = post(caller, {"prompt": "a fox", "model": "dall-e-3", "size": "3840x2160", "seed": 7})
    streamed = post(caller, {"prompt": "a fox", "stream": True, "size": "1024x1536", "seed": 7})

    assert made.headers["x-limner-model"] == "flux.1_kontext_pro"
    assert made.headers["x-limner-size"] == "16:9 4K"
    assert streamed.headers["x-limner-size"] == "2:3"
    assert all("seed" in each.headers["x-limner-ignored"].split(", ") for each in (made, streamed))


def test_an_operators_alias_gives_an_apps_model_name_another_meaning(tmp_path: Any) -> None:
    with serving(tmp_path / "data", model_alias=json.dumps({"gpt-image-1": "gpt_image_2"})) as server:
        caller = newcomer(server)

        assert post(caller, {"prompt": "a fox", "model": "gpt-image-1"}).headers["x-limner-model"] == "gpt_image_2"
        assert caller.get("/v1/models/gpt-image-1").status == 200


# --- repeats ------------------------------------------------------------------------------------------------------


def test_a_repeat_of_a_lost_call_joins_its_task(caller: Client) -> None:
    first = post(caller, {"prompt": "bought once"})
    again = post(caller, {"prompt": "bought once"}, **{"x-stainless-retry-count": "1"})
    intended = post(caller, {"prompt": "bought once"})

    tasks = [answer.headers["x-limner-task-id"] for answer in (first, again, intended)]
    assert tasks[0] == tasks[1] != tasks[2]
    assert caller.balance() == (1000 - 10, 0)


def test_an_idempotency_key_joins_too(caller: Client) -> None:
    tasks = {
        post(caller, {"prompt": "bought once"}, **{"Idempotency-Key": "one"}).headers["x-limner-task-id"]
        for _ in range(2)
    }

    assert len(tasks) == 1


def test_a_server_that_is_killed_while_it_holds_a_call_buys_once(tmp_path: Any) -> None:
    with serving(tmp_path / "data", "--api-only") as server:
        caller = newcomer(server)
        port = server.url.rpartition(":")[2]
        made: list[Any] = []
        sdk = openai.OpenAI(base_url=f"{caller.url}/v1", api_key=caller.key, max_retries=8)
        calling = threading.Thread(
            target=lambda: made.append(sdk.images.generate(model="gpt-image-1", prompt="held while the server dies"))
        )
        calling.start()
        wait_for_a_task(caller)
        server.kill()
        with serving(tmp_path / "data", "--port", port):
            calling.join(120)
            balance = caller.balance()
        sdk.close()

    assert picture(made[0].data[0]).size
    assert balance == (1000 - 5, 0)


def wait_for_a_task(caller: Client) -> None:
    """Until the account has a task, which then stands on the disk."""
    while not caller.get("/v2/openapi/tasks").data["tasks"]:
        threading.Event().wait(0.05)


# --- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "code", "parameter"),
    [
        ({"prompt": "a fox", "model": "no-such-model"}, 404, "model_not_found", "model"),
        ({"prompt": "a fox", "n": 0}, 400, "invalid_value", "n"),
        ({"prompt": "a fox", "n": 11}, 400, "invalid_value", "n"),
        ({"prompt": " "}, 400, "invalid_value", "prompt"),
        ({}, 400, "invalid_value", "prompt"),
        ({"prompt": "a" * 32_001}, 400, "invalid_value", "prompt"),
        ({"prompt": "a fox", "output_format": "gif"}, 400, "invalid_value", "output_format"),
        ({"prompt": "a fox", "background": "none"}, 400, "invalid_value", "background"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_input_is_refused_as_the_sdk_expects_and_nothing_is_held(
    caller: Client, body: dict[str, Any], status: int, code: str, parameter: str
) -> None:
    answer = post(caller, body)

    error = answer.json["error"]
    assert (answer.status, error["code"], error["param"]) == (status, code, parameter)
    assert set(error) == {"message", "type", "param", "code"}
    assert answer.headers["x-should-retry"] == "false"
    assert caller.balance() == (1000, 0)


@pytest.mark.parametrize("image", ["data:image/png;base64,AAAA", "not base64 at all!", 7], ids=str)
def test_what_is_no_picture_is_refused(caller: Client, image: Any) -> None:
    answer = post(caller, {"prompt": "a fox", "image": image}, "edits")

    assert answer.status == 400
    assert answer.json["error"]["param"] == "image"
    assert caller.balance() == (1000, 0)


def test_a_picture_at_an_inner_address_fails_without_a_charge(caller: Client) -> None:
    answer = post(caller, {"prompt": "a fox", "image": "http://169.254.169.254/latest/meta-data"}, "edits")

    assert (answer.status, answer.json["error"]["param"]) == (400, "image")
    assert caller.balance() == (1000, 0)


@pytest.mark.parametrize("link", ["http://127.0.0.1:1/a.png", "http://10.0.0.1/a.png", "ftp://example.org/a.png"])
def test_a_link_to_an_inner_address_or_none_in_openais_own_form_costs_nothing(caller: Client, link: str) -> None:
    answer = post(caller, {"prompt": "a fox", "images": [{"image_url": link}]}, "edits")

    assert (answer.status, answer.json["error"]["param"]) == (400, "image")
    assert caller.balance() == (1000, 0)


def test_a_mask_of_another_size_is_refused(caller: Client) -> None:
    mask = encoded(Image.new("RGBA", (32, 32)), "PNG")
    body, headers = multipart([("prompt", None, b"a fox"), ("image", "a.png", PICTURE), ("mask", "m.png", mask)])

    answer = caller.call("POST", "/v1/images/edits", body, headers | {"Idempotency-Key": "one"})

    assert (answer.status, answer.json["error"]["param"]) == (400, "mask")
    assert caller.balance() == (1000, 0)


def test_a_form_of_60_mb_is_refused(caller: Client) -> None:
    body, headers = multipart([("prompt", None, b"a fox"), ("image", "a.png", b"0" * 60_000_000)])

    answer = caller.call("POST", "/v1/images/edits", body, headers)

    assert (answer.status, answer.json["error"]["code"]) == (413, "image_too_large")
    assert answer.headers["x-should-retry"] == "false"
    assert caller.balance() == (1000, 0)


def test_pictures_that_are_over_20_mb_together_are_edited(served: Served, caller: Client) -> None:
    end = PICTURE.rindex(b"IEND") - 4
    photo = PICTURE[:end] + png_chunk(b"liMr", bytes(9_000_000)) + PICTURE[end:]
    photos = [("image[]", f"{n}.png", photo) for n in range(3)]
    body, headers = multipart([("prompt", None, b"a fox"), ("model", None, b"gpt-image-1"), *photos])

    answer = caller.call("POST", "/v1/images/edits", body, headers)

    assert answer.status == 200
    assert len(caller.task(answer.headers["x-limner-task-id"])["input"]["files"]) == 3
    assert list((served.data / "scratch").rglob("upload-*")) == []


def test_several_pictures_are_streamed_as_an_event_each(sdk: openai.OpenAI, caller: Client) -> None:
    events = list(sdk.images.generate(model="gpt-image-1", prompt="foxes", n=2, stream=True))

    assert [event.type for event in events if "partial" not in event.type] == ["image_generation.completed"] * 2
    assert caller.balance() == (1000 - 10, 0)


@pytest.mark.parametrize(
    "pictures",
    [
        {"images": [{"image_url": {"url": "data:image/png;base64," + base64.b64encode(PICTURE).decode()}}]},
        {"image": [{"b64_json": base64.b64encode(PICTURE).decode()}]},
    ],
    ids=["nested", "b64_json"],
)
def test_pictures_in_objects_of_chat_apis_are_edited(caller: Client, pictures: dict[str, Any]) -> None:
    assert post(caller, {"prompt": "as a statue"} | pictures, "edits").status == 200


def test_a_form_without_a_picture_and_one_that_is_broken_are_refused(caller: Client) -> None:
    body, headers = multipart([("prompt", None, b"a fox")])
    without = caller.call("POST", "/v1/images/edits", body, headers)
    broken = caller.call(
        "POST", "/v1/images/edits", b"--x\r\nnonsense", {"Content-Type": "multipart/form-data; boundary=x"}
    )

    assert (without.status, without.json["error"]["param"]) == (400, "image")
    assert (broken.status, broken.json["error"]["type"]) == (400, "invalid_request_error")


def test_json_that_is_a_bomb_or_none_is_refused(caller: Client) -> None:
    for body in (b"[" * 100_000, b"{", b"[]", b""):
        answer = caller.call("POST", "/v1/images/generations", body, JSON)
        assert (answer.status, answer.json["error"]["type"]) == (400, "invalid_request_error"), body[:10]


def test_a_wrong_key_and_an_empty_purse_have_their_own_errors(caller: Client, served: Served) -> None:
    wrong = post(caller.as_("tsk_wrong"), {"prompt": "a fox"})
    poor = post(newcomer(served, credits=1), {"prompt": "a fox"})

    assert (wrong.status, wrong.json["error"]["code"]) == (401, "invalid_api_key")
    assert (poor.status, poor.json["error"]["code"]) == (429, "insufficient_quota")
    assert poor.headers["x-should-retry"] == "false"


def test_another_accounts_task_is_not_found(caller: Client, served: Served) -> None:
    task = post(newcomer(served), {"prompt": "a fox", "async": True}).json["id"]

    answer = caller.get(f"/v1/images/tasks/{task}")

    assert (answer.status, answer.json["error"]["code"]) == (404, "not_found")
