"""What a request for a picture may hold."""

from typing import Any

import pytest

from contract.client import footprint
from contract.v3.client import V3Client, newcomer
from limner.models import shipped_models
from serving import Served

MODELS = shipped_models()

PATHS = ["/generation/text-to-image", "/generation/image-to-image"]
URL = "https://example.org/a.png"
V3_NAMES = {
    "chat_image_1": ("gpt_4o", 5),
    "chat_image_1.5": ("gpt_image_1.5", 10),
    "chat_image_2": ("gpt_image_2", 10),
    "banana": ("gemini_2.5_flash_image_preview", 5),
    "banana_pro": ("gemini_3_pro_image_preview", 10),
    "banana2": ("gemini_3.1_flash_image_preview", 10),
    "gemini-2.5-flash": ("gemini_2.5_flash_image_preview", 5),
    "gemini-3-pro": ("gemini_3_pro_image_preview", 10),
    "gemini-3.1-flash": ("gemini_3.1_flash_image_preview", 10),
    "chat_image_2.5_flare": ("gpt_image_2.5_flare", 5),
    "chat_image_2.5_sunburst": ("gpt_image_2.5_sunburst", 10),
    "seedream_v4": ("seedream_4", 5),
    "seedream_v5": ("seedream_5_lite", 5),
}
MASKED_NAMES = {"flux.1_fill_pro": ("flux.1_fill", 5)}
"""Names of models that want a mask, which this API does not take from a text alone."""

UNSERVED = ["z_image", "seedream_v6"]


def body(path: str, **fields: Any) -> dict[str, Any]:
    """A good body for this path, but for what `fields` say; None leaves one out."""
    filled = {"prompt": "a small cat", "input": URL if "image-to" in path else None, **fields}
    return {name: value for name, value in filled.items() if value is not None}


# --- the prompt ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("prompt", ["a", "a" * 1800, "猫" * 1800, "𠮷" * 1800, "  " + "a" * 1800 + "\n"])
def test_a_prompt_has_up_to_1800_code_points(waiting: V3Client, path: str, prompt: str) -> None:
    answer = waiting.post(path, body(path, prompt=prompt))

    assert waiting.task(answer.data["task_id"])["input"]["prompt"] == prompt


@pytest.mark.parametrize("path", PATHS)
def test_a_prompt_of_1801_is_too_long(refusing: V3Client, path: str) -> None:
    answer = refusing.post(path, body(path, prompt="猫" * 1801))

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("prompt is 1801 characters long, 1800 are allowed")


def test_a_prompt_longer_than_v2_allows_is_made(client: V3Client) -> None:
    assert client.done(prompt="a" * 1800)["status"] == "success"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("prompt", [None, "", " \n"])
def test_a_prompt_that_is_missing_or_blank_is_refused(refusing: V3Client, path: str, prompt: str | None) -> None:
    answer = refusing.post(path, body(path, prompt=prompt))

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("prompt is ")
    assert "1800" in answer.suggestion


@pytest.mark.parametrize("path", PATHS)
def test_a_template_needs_no_prompt(waiting: V3Client, path: str) -> None:
    assert waiting.post(path, body(path, prompt=None, template="t-pose")).status == 200


def test_what_is_no_text_is_an_invalid_character(refusing: V3Client) -> None:
    answer = refusing.create(prompt="a cat \N{CAT FACE}")

    assert answer.refusal == (400, 2009)
    assert "at position 7" in answer.suggestion


def test_pictures_are_counted_from_input_to_inputs_to_file_to_files(waiting: V3Client) -> None:
    pictures = {"input": URL, "inputs": [URL, URL], "file": {"url": URL}, "files": [{"url": URL}]}
    good = waiting.create(prompt="image[5] on image[1]", model="chat_image_2", **pictures)
    bad = waiting.create(prompt="image[6]", model="chat_image_2", **pictures)

    assert good.status == 200
    assert bad.refusal == (400, 1004)
    assert "5 came with the request" in bad.suggestion


# --- the model ----------------------------------------------------------------------------------------------------


def test_the_names_of_both_faces_are_known() -> None:
    named = {alias: (model, MODELS[model].credits) for alias, model in MODELS.aliases.items()}

    assert named == V3_NAMES | MASKED_NAMES


@pytest.mark.parametrize("field", ["model", "model_version"])
@pytest.mark.parametrize(("name", "model", "price"), [(name, *facts) for name, facts in V3_NAMES.items()])
def test_a_name_of_v3_is_a_model_with_its_price(idle: Served, field: str, name: str, model: str, price: int) -> None:
    client = newcomer(idle, credits=price)
    task = client.task(client.submit(**{field: name}))

    assert task["input"] == {"prompt": "a small cat", field: name} | {"model_version": model}
    assert client.balance() == (0, price)


@pytest.mark.parametrize("name", MODELS)
def test_a_name_of_v2_is_the_same_model(waiting: V3Client, name: str) -> None:
    assert waiting.task(waiting.submit(model=name))["input"]["model_version"] == name


@pytest.mark.parametrize("path", PATHS)
def test_the_default_is_that_of_v2(waiting: V3Client, path: str) -> None:
    answer = waiting.post(path, body(path))

    assert waiting.task(answer.data["task_id"])["input"]["model_version"] == "flux.1_kontext_pro"


def test_of_both_fields_model_counts(waiting: V3Client) -> None:
    task = waiting.task(waiting.submit(model="banana", model_version="chat_image_2"))

    assert task["input"]["model_version"] == "gemini_2.5_flash_image_preview"


@pytest.mark.parametrize("name", [*UNSERVED, "", "BANANA", "flux.9", "\0"])
@pytest.mark.parametrize("field", ["model", "model_version"])
def test_an_unknown_model_is_refused_with_the_known_ones(refusing: V3Client, field: str, name: str) -> None:
    answer = refusing.create(**{field: name})

    assert answer.refusal == (400, 2017)
    assert answer.suggestion.startswith(f"{field}: ")
    assert all(known in answer.suggestion for known in [*V3_NAMES, *MODELS])


def test_a_text_task_runs_on_the_model_it_names(served: Served) -> None:
    client = newcomer(served, credits=10)
    task = client.done(model="chat_image_2")

    assert (task["status"], task["credits_consumed"]) == ("success", 10)
    assert client.balance() == (0, 0)


# --- the shape ----------------------------------------------------------------------------------------------------


def test_the_shape_asked_for_is_what_the_model_is_asked(idle: Served, waiting: V3Client) -> None:
    made = waiting.submit(prompt="a cat --ar 3:2", model="midjourney", template="t_pose", aspect_ratio="21:9")
    reported = idle.cli("tasks", "explain", made)

    assert reported["composed"]["aspect_ratio"] == "21:9"


@pytest.mark.parametrize("shape", ["1:1", "2:3", "16:9", "21:9", "1:8", "8:1", "99:98"])
def test_a_shape_is_width_to_height(waiting: V3Client, shape: str) -> None:
    assert waiting.create(aspect_ratio=shape).status == 200


@pytest.mark.parametrize(
    "shape", ["", "16x9", "16/9", "0:1", "1:0", "1:9", "9:1", "16:9:1", "-1:1", " 1:1", "٣:٤", 1.5]
)
def test_another_shape_is_refused(refusing: V3Client, shape: Any) -> None:
    answer = refusing.create(aspect_ratio=shape)

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("aspect_ratio ")


# --- the rest -----------------------------------------------------------------------------------------------------


def test_unsupported_options_are_ignored_and_listed_by_explain(idle: Served, waiting: V3Client) -> None:
    unmet = {"watermark": False, "grounding": True, "style": "vivid"}
    made = waiting.submit(**unmet)
    reported = idle.cli("tasks", "explain", made)

    assert reported["ignored"] == sorted(unmet)
    assert set(waiting.task(made)["input"]) == {"prompt", "model_version"}


def test_a_picture_sent_to_text_to_image_is_ignored_and_listed_by_explain(idle: Served, waiting: V3Client) -> None:
    sent = {"prompt": "a cat", "input": URL, "files": [{"url": URL}]}
    made = waiting.post("/generation/text-to-image", sent).data["task_id"]

    assert idle.cli("tasks", "explain", made)["ignored"] == ["files", "input"]


@pytest.mark.parametrize("path", PATHS)
def test_a_negative_prompt_has_up_to_255_characters(waiting: V3Client, path: str) -> None:
    taken = waiting.post(path, body(path, negative_prompt="猫" * 255))
    refused = waiting.post(path, body(path, negative_prompt="猫" * 256))

    assert taken.status == 200
    assert refused.refusal == (400, 1004)
    assert refused.suggestion.startswith("negative_prompt ")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("field", ["t_pose", "sketch_to_render"])
def test_a_switch_is_a_json_boolean(refusing: V3Client, path: str, field: str) -> None:
    answer = refusing.post(path, body(path, **{field: "true"}))

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith(f"{field} is invalid: a valid boolean")


def test_an_unknown_template_is_refused_with_the_known_ones(refusing: V3Client) -> None:
    answer = refusing.create(template="tpose")

    assert answer.refusal == (400, 1004)
    assert "print_clay" in answer.suggestion


def test_a_style_picture_is_used_with_the_prompt(client: V3Client, inline: dict[str, str]) -> None:
    task = client.done(style_image=inline, prompt="in the style of image[1]")

    assert task["status"] == "success"
    assert set(task["input"]) == {"prompt", "style_image", "model_version"}


@pytest.mark.parametrize("priority", [0, 4])
def test_a_priority_is_one_to_three(refusing: V3Client, priority: int) -> None:
    assert refusing.create(priority=priority).refusal == (403, 2013)


def test_flux_dev_with_a_picture_is_upgraded_within_the_limits_of_kontext(idle: Served, waiting: V3Client) -> None:
    made = waiting.submit(model="flux.1_dev", input=URL)
    before = footprint(idle)
    refused = waiting.create(model="flux.1_dev", inputs=[URL] * 5)

    assert waiting.task(made)["input"]["model_version"] == "flux.1_kontext_pro"
    assert refused.refusal == (400, 1004)
    assert refused.suggestion.startswith("inputs: 5 reference images were given, flux.1_kontext_pro takes at most 4")
    assert footprint(idle) == before


def test_midjourney_takes_no_picture(refusing: V3Client) -> None:
    answer = refusing.create(model="midjourney", input=URL)

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("input: midjourney takes no reference images")
