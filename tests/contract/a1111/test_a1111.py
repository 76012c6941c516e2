"""AUTOMATIC1111's API as SillyTavern, LibreChat's tool and Open WebUI's second engine send and read it."""

import base64
import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from contract.client import PICTURE, Answer, Client, newcomer
from serving import Served, serving

JSON = {"Content-Type": "application/json"}
BASE64 = base64.b64encode(PICTURE).decode()


@pytest.fixture(scope="module")
def webui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("a1111"), a1111="true") as server:
        yield server


@pytest.fixture(scope="module")
def idle_webui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that accepts tasks and runs none."""
    with serving(tmp_path_factory.mktemp("idle"), "--api-only", a1111="true") as server:
        yield server


@pytest.fixture
def caller(webui: Served) -> Client:
    return newcomer(webui)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def get(caller: Client, path: str) -> Any:
    answer = caller.get(f"/sdapi/v1/{path}")
    assert answer.status == 200, answer.body
    return answer.json


def post(caller: Client, path: str, body: Any, **headers: str) -> Answer:
    return caller.call("POST", f"/sdapi/v1/{path}", json.dumps(body).encode(), JSON | headers)


def test_a_picture_is_made_from_what_sillytavern_sends(caller: Client) -> None:
    sent = {
        "prompt": "a lighthouse 🗼",
        "negative_prompt": "fog, text",
        "sampler_name": "DPM++ 2M",
        "scheduler": "karras",
        "steps": 20,
        "cfg_scale": 7,
        "width": 512,
        "height": 768,
        "restore_faces": False,
        "enable_hr": False,
        "override_settings": {"CLIP_stop_at_last_layers": 1, "sd_vae": "Automatic"},
        "override_settings_restore_afterwards": True,
        "save_images": True,
        "send_images": True,
    }
    answer = post(caller, "txt2img", sent)

    assert answer.status == 200, answer.body
    [picture] = answer.json["images"]
    assert Image.open(io.BytesIO(base64.b64decode(picture))).format == "PNG"
    said = json.loads(answer.json["info"])
    assert (said["prompt"], said["negative_prompt"], len(said["infotexts"])) == (sent["prompt"], "fog, text", 1)
    assert {"seed", "width", "height"} <= said.keys()
    assert answer.json["parameters"]["height"] == 768
    assert "scheduler" in answer.headers["x-limner-ignored"].split(", ")
    task = caller.task(answer.headers["x-limner-task-id"])
    assert task["input"]["prompt"] == "a lighthouse 🗼\n\nAvoid: fog, text"
    assert caller.balance() == (1000 - 5, 0)


def test_batches_are_several_pictures_with_the_seeds_that_follow(caller: Client) -> None:
    answer = post(caller, "txt2img", {"prompt": "foxes", "batch_size": 2, "n_iter": 2, "seed": 4_294_967_295})

    assert len(answer.json["images"]) == 4
    seeds = json.loads(answer.json["info"])["all_seeds"]
    assert seeds == [seeds[0] + place for place in range(4)]
    assert caller.balance() == (1000 - 20, 0)


@pytest.mark.parametrize("picture", [BASE64, f"data:image/png;base64,{BASE64}"], ids=["base64", "data URL"])
def test_a_picture_is_made_from_a_picture(caller: Client, picture: str) -> None:
    answer = post(caller, "img2img", {"prompt": "as a statue", "init_images": [picture], "denoising_strength": 0.6})

    assert answer.status == 200, answer.body
    assert len(answer.json["images"]) == 1


def test_a_model_is_chosen_as_open_webui_does_and_for_this_key_alone(caller: Client, webui: Served) -> None:
    options = get(caller, "options")
    listed = {each["title"] for each in get(caller, "sd-models")}
    before = options["sd_model_checkpoint"]

    assert post(caller, "options", options | {"sd_model_checkpoint": "gpt_image_2"}).status == 200
    made = post(caller, "txt2img", {"prompt": "a fox"})
    other = get(newcomer(webui), "options")["sd_model_checkpoint"]

    assert {before, "gpt_image_2"} <= listed
    assert get(caller, "options")["sd_model_checkpoint"] == "gpt_image_2"
    assert made.headers["x-limner-model"] == "gpt_image_2"
    assert other == before


def test_one_call_has_a_model_of_its_own(caller: Client) -> None:
    answer = post(caller, "txt2img", {"prompt": "a fox", "override_settings": {"sd_model_checkpoint": "flux.1_dev"}})

    assert answer.headers["x-limner-model"] == "flux.1_dev"
    assert get(caller, "options")["sd_model_checkpoint"] != "flux.1_dev"


@pytest.mark.parametrize("path", ["samplers", "schedulers", "upscalers"])
def test_what_apps_fill_their_lists_with_has_names(caller: Client, path: str) -> None:
    assert all(each["name"] for each in get(caller, path))


def test_lists_that_apps_may_find_empty_are_empty(caller: Client) -> None:
    assert get(caller, "latent-upscale-modes") == get(caller, "sd-vae") == []


@pytest.mark.parametrize(("user", "password"), [("limner", "KEY"), ("KEY", ""), ("gpt_image_2", "KEY")])
def test_basic_credentials_hold_the_key_and_the_user_name_may_choose_a_model(
    caller: Client, user: str, password: str
) -> None:
    headers = basic(*(str(caller.key) if half == "KEY" else half for half in (user, password)))
    answer = caller.call("GET", "/sdapi/v1/options", None, headers, auth=False)

    assert answer.status == 200
    assert (answer.json["sd_model_checkpoint"] == "gpt_image_2") is (user == "gpt_image_2")


@pytest.mark.parametrize("headers", [{}, basic("limner", "tsk_wrong"), {"Authorization": "Basic %%%"}], ids=str)
def test_wrong_credentials_are_asked_for_again(caller: Client, headers: dict[str, str]) -> None:
    answer = caller.call("GET", "/sdapi/v1/options", None, headers, auth=False)

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer.json["detail"]


def test_progress_is_shown_and_interrupt_cancels_what_this_api_began(idle_webui: Served) -> None:
    caller = newcomer(idle_webui)
    other_api = caller.submit(prompt="of another API")
    answers: list[Answer] = []
    calling = threading.Thread(target=lambda: answers.append(post(caller, "txt2img", {"prompt": "a fox"})))
    nothing = get(caller, "progress")
    calling.start()
    while not (running := get(caller, "progress"))["state"]["job_count"]:
        threading.Event().wait(0.02)

    assert post(caller, "interrupt", None).json == {}
    calling.join(60)

    assert (nothing["progress"], nothing["state"]["job_count"]) == (0, 0)
    assert (running["state"]["job_count"], running["progress"] > 0) == (1, True)
    assert (answers[0].status, answers[0].json["error"]) == (500, "Interrupted")
    assert caller.task(other_api)["status"] == "queued"
    assert caller.balance() == (1000 - 5, 5)


def test_a_server_that_was_not_told_to_has_no_such_api(client: Client) -> None:
    assert client.get("/sdapi/v1/options").status == 404


# --- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("txt2img", {}, 422, "prompt"),
        ("txt2img", {"prompt": "  ", "negative_prompt": "fog"}, 422, "prompt"),
        ("txt2img", {"prompt": "a" * 32_001}, 422, "prompt"),
        ("txt2img", {"prompt": 7}, 422, "prompt"),
        ("txt2img", {"prompt": "a fox", "batch_size": 0}, 422, "batch_size"),
        ("txt2img", {"prompt": "a fox", "batch_size": 11}, 422, "batch_size"),
        ("txt2img", {"prompt": "a fox", "batch_size": 4, "n_iter": 3}, 422, "n_iter"),
        ("txt2img", {"prompt": "a fox", "width": "wide"}, 422, "width"),
        ("txt2img", {"prompt": "a fox", "height": 10**9}, 422, "height"),
        ("txt2img", {"prompt": "a fox", "override_settings": []}, 422, "override_settings"),
        ("txt2img", {"prompt": "a fox", "override_settings": {"sd_model_checkpoint": "none"}}, 404, "checkpoint"),
        ("img2img", {"prompt": "a fox"}, 422, "init_images"),
        ("img2img", {"prompt": "a fox", "init_images": ["no base64!"]}, 422, "init_images"),
        ("img2img", {"prompt": "a fox", "init_images": ["AAAA"]}, 422, "init_images"),
        ("img2img", {"prompt": "a fox", "init_images": ["http://169.254.169.254/"]}, 422, "2019"),
        ("img2img", {"prompt": "a fox", "init_images": [BASE64] * 17}, 422, "init_images"),
        ("img2img", {"prompt": "a fox", "init_images": [BASE64], "mask": BASE64}, 422, "mask"),
        ("options", {"sd_model_checkpoint": "none"}, 404, "checkpoint"),
        ("options", {"sd_model_checkpoint": 7}, 422, "checkpoint"),
        ("options", [], 400, "object"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_input_is_named_and_nothing_is_held_or_spent(
    caller: Client, path: str, body: Any, status: int, field: str
) -> None:
    answer = post(caller, path, body)

    assert answer.status == status, answer.body
    assert answer.json.keys() == {"error", "detail", "body", "errors"}
    assert field in answer.json["detail"] or field == "2019"
    assert caller.balance() == (1000, 0)


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"{", b"", b"{" + b'"a":1,' * 5_000], ids=["deep", "cut", "none", "many"]
)
def test_json_that_is_a_bomb_or_none_is_refused(caller: Client, body: bytes) -> None:
    answer = caller.call("POST", "/sdapi/v1/txt2img", body, JSON)

    assert (answer.status, caller.balance()) == (400, (1000, 0))


def test_a_body_of_60_mb_and_an_empty_purse_are_refused(caller: Client, webui: Served) -> None:
    large = caller.call("POST", "/sdapi/v1/img2img", b"0" * 60_000_000, JSON)
    poor = post(newcomer(webui, credits=1), "txt2img", {"prompt": "a fox"})

    assert (large.status, poor.status) == (400, 402)
