"""The fields of a new task: what is taken, what is refused, and what it costs."""

from collections.abc import Iterator
from typing import Any

import pytest

from contract.client import PICTURE, Client, footprint, newcomer
from serving import Served

NINE = {
    "flux.1_kontext_pro": 5,
    "flux.1_dev": 5,
    "gpt_4o": 5,
    "gpt_image_1.5": 10,
    "gpt_image_2": 10,
    "midjourney": 10,
    "gemini_2.5_flash_image_preview": 5,
    "gemini_3_pro_image_preview": 10,
    "gemini_3.1_flash_image_preview": 10,
}
EIGHT = [
    "asset_extraction",
    "character_completion",
    "t_pose",
    "head_extraction",
    "3d_enhance",
    "variants",
    "print_clay",
    "figure",
]
WITH_PICTURES = {"asset_extraction", "t_pose", "print_clay", "figure"}


@pytest.fixture
def client(idle: Served) -> Client:
    return newcomer(idle)


@pytest.fixture
def refusing(idle: Served, client: Client) -> Iterator[Client]:
    """A client all of whose requests have to leave nothing behind."""
    before = footprint(idle)
    yield client
    assert footprint(idle) == before


# --- the prompt ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prompt", ["a", "a" * 1024, "猫" * 1024, "𠮷" * 1024, "  " + "a" * 1024 + "\n\n", "a\nb\tc", "line\r\nline"]
)
def test_a_prompt_has_up_to_1024_code_points(client: Client, prompt: str) -> None:
    task = client.task(client.submit(prompt=prompt))

    assert task["prompt"] == task["input"]["prompt"] == prompt


@pytest.mark.parametrize("kind", ["generate_image", "text_to_image"])
@pytest.mark.parametrize("prompt", ["a" * 1025, "猫" * 1025, "𠮷" * 1025])
def test_a_prompt_of_1025_is_too_long(refusing: Client, kind: str, prompt: str) -> None:
    answer = refusing.create(type=kind, prompt=prompt)

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("prompt is 1025 characters long, 1024 are allowed")


@pytest.mark.parametrize("kind", ["generate_image", "text_to_image"])
@pytest.mark.parametrize("prompt", [None, "", " ", "\n\t", "\u3000"])
def test_a_prompt_that_is_missing_or_blank_is_refused(refusing: Client, kind: str, prompt: str | None) -> None:
    answer = refusing.create(type=kind, prompt=prompt)

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("prompt is ")
    assert "1024" in answer.suggestion


@pytest.mark.parametrize("prompt", [1, True, ["a"], {"text": "a"}, 1.5])
def test_a_prompt_that_is_no_text_is_refused(refusing: Client, prompt: Any) -> None:
    answer = refusing.create(prompt=prompt)

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("prompt ")


@pytest.mark.parametrize("prompt", [None, "", "  "])
def test_a_template_needs_no_prompt(client: Client, prompt: str | None) -> None:
    assert client.create(prompt=prompt, template="variants").status == 200


@pytest.mark.parametrize(
    "text",
    [
        "一只戴着红色围巾的小猫",
        "قِطَّةٌ صغيرة\u200cها",
        "एक छोटी बिल्ली क्ष\u200dत्र",
        "кошка в шляпе",
        "ひとつの猫、ヶヵ",
        "고양이 한 마리",
        "een kat met cafe\u0301",
        "© Limner™ ® #1 * 100% — «cat» …",
        "שלום חתול",
        "แมวตัวเล็ก",
    ],
)
def test_every_script_of_the_world_is_welcome(client: Client, text: str) -> None:
    assert client.task(client.submit(prompt=text))["prompt"] == text


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("\N{CAT FACE}", 1),
        ("a cat \N{GRINNING FACE}", 7),
        ("👩‍👩‍👧", 1),
        ("flag 🇨🇳", 6),
        ("1️⃣ cat", 1),
        ("a heart ❤️", 9),
        ("a\x00b", 2),
        ("a\x1bb", 2),
        ("a\x7fb", 2),
        ("a\u0085b", 2),
        ("a\ue000b", 2),
        ("a\uffffb", 2),
        ("a\ufdd0b", 2),
        ("a\U000e0041b", 2),
    ],
)
@pytest.mark.parametrize("kind", ["generate_image", "text_to_image"])
def test_what_is_no_text_is_an_invalid_character(refusing: Client, kind: str, text: str, at: int) -> None:
    answer = refusing.create(type=kind, prompt=text)

    assert answer.refusal == (400, 2009)
    assert answer.suggestion.startswith("prompt holds U+")
    assert f" at position {at}:" in answer.suggestion


def test_the_prompt_beside_a_template_is_judged_all_the_same(refusing: Client) -> None:
    assert refusing.create(template="variants", prompt="a" * 1025).refusal == (400, 1004)
    assert refusing.create(template="variants", prompt="\N{CAT FACE}").refusal == (400, 2009)


# --- image[n] -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prompt",
    ["like image[1]", "image[2] on IMAGE[1]", "Image [ 2 ]", "使用image[1]的风格和image[2]的颜色", "imagery[9]"],
)
def test_a_picture_that_was_given_may_be_named(client: Client, prompt: str) -> None:
    token = client.token()

    assert client.create(prompt=prompt, files=[{"file_token": token}] * 2).status == 200


@pytest.mark.parametrize("prompt", ["image[3]", "image[0]", "IMAGE [ 7 ]", "用image[3]吧", "image[1] and image[99999]"])
def test_a_picture_that_was_not_given_may_not_be_named(idle: Served, client: Client, prompt: str) -> None:
    files = [{"file_token": client.token()}] * 2
    before = footprint(idle)
    answer = client.create(prompt=prompt, files=files)

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("prompt names ")
    assert "2 came with the request" in answer.suggestion
    assert "image[1] to image[2]" in answer.suggestion
    assert footprint(idle) == before


def test_a_templates_pictures_are_not_the_callers_to_name(refusing: Client) -> None:
    answer = refusing.create(prompt="image[1]", template="figure")

    assert answer.refusal == (400, 1004)
    assert "no picture was given" in answer.suggestion


# --- the model ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "price"), NINE.items())
def test_the_nine_models_cost_five_or_ten_credits(idle: Served, model: str, price: int) -> None:
    client = newcomer(idle, credits=price)
    task = client.task(client.submit(model_version=model))

    assert task["input"]["model_version"] == model
    assert client.balance() == (0, price)


@pytest.mark.parametrize(("model", "price"), NINE.items())
def test_a_task_that_is_done_has_consumed_its_price(served: Served, model: str, price: int) -> None:
    client = newcomer(served, credits=12)
    task = client.done(model_version=model)

    assert (task["status"], task["consumed_credit"]) == ("success", price)
    assert client.balance() == (12 - price, 0)


def test_no_parameter_changes_the_price(idle: Served) -> None:
    client = newcomer(idle, credits=5)
    client.submit(
        files=[{"url": "https://example.org/a.png"}] * 4,
        template="figure",
        t_pose=True,
        sketch_to_render=True,
        priority=3,
    )

    assert client.balance() == (0, 5)


def test_the_default_model_is_kontext(client: Client) -> None:
    assert client.task(client.submit())["input"]["model_version"] == "flux.1_kontext_pro"


@pytest.mark.parametrize("model", ["", "flux", "FLUX.1_DEV", "gpt-4o", "dall-e-3", "flux.1_dev ", "v2.5", "\0"])
@pytest.mark.parametrize("field", ["model_version", "model"])
def test_an_unknown_model_is_refused_with_the_known_ones(refusing: Client, field: str, model: str) -> None:
    answer = refusing.create(**{field: model})

    assert answer.refusal == (400, 2017)
    assert answer.suggestion.startswith("model_version: ")
    assert all(name in answer.suggestion for name in NINE)


def test_the_old_name_of_the_field_works(client: Client) -> None:
    assert client.task(client.submit(model="gpt_4o"))["input"]["model_version"] == "gpt_4o"


def test_the_new_name_of_the_field_wins(client: Client) -> None:
    task = client.task(client.submit(model="gpt_4o", model_version="gpt_image_2"))

    assert task["input"]["model_version"] == "gpt_image_2"


@pytest.mark.parametrize("template", EIGHT)
def test_flux_dev_is_upgraded_by_a_template_with_pictures_and_by_no_other(client: Client, template: str) -> None:
    task = client.task(client.submit(model_version="flux.1_dev", template=template))

    expected = "flux.1_kontext_pro" if template in WITH_PICTURES else "flux.1_dev"
    assert task["input"]["model_version"] == expected


def test_the_upgraded_model_brings_its_limits(idle: Served, client: Client) -> None:
    files = [{"file_token": client.token()}] * 5
    before = footprint(idle)
    answer = client.create(model_version="flux.1_dev", files=files)

    assert answer.refusal == (400, 1004)
    assert "flux.1_kontext_pro takes at most 4" in answer.suggestion
    assert footprint(idle) == before


def test_midjourney_with_a_picture_is_refused_with_models_that_take_one(refusing: Client) -> None:
    answer = refusing.create(model_version="midjourney", file={"url": "https://example.org/a.png"})

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("file: midjourney takes no reference images")
    assert all(name in answer.suggestion for name in NINE if name not in {"midjourney", "flux.1_dev"})
    assert "flux.1_dev" not in answer.suggestion


@pytest.mark.parametrize("template", EIGHT)
def test_midjourney_takes_any_template(client: Client, template: str) -> None:
    task = client.task(client.submit(model_version="midjourney", template=template))

    assert task["input"]["model_version"] == "midjourney"


def test_flags_alone_are_no_prompt_for_midjourney(refusing: Client) -> None:
    answer = refusing.create(model_version="midjourney", prompt="--v 7 --ar 16:9")

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("prompt ")


# --- templates and switches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", [*EIGHT, *(slug.replace("_", "-") for slug in EIGHT if "_" in slug)])
def test_both_spellings_of_the_eight_templates_are_taken_and_echoed_as_sent(client: Client, slug: str) -> None:
    assert client.task(client.submit(template=slug))["input"]["template"] == slug


@pytest.mark.parametrize("slug", ["", "tpose", "T_POSE", "../t_pose", "figurine", "\0", "null"])
def test_an_unknown_template_is_refused_with_the_known_ones(refusing: Client, slug: str) -> None:
    answer = refusing.create(template=slug)

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("template: ")
    assert all(known in answer.suggestion for known in EIGHT)


@pytest.mark.parametrize("field", ["t_pose", "sketch_to_render"])
@pytest.mark.parametrize("value", ["true", "false", 1, 0, "", [], {}])
def test_a_switch_is_a_json_boolean(refusing: Client, field: str, value: Any) -> None:
    answer = refusing.create(**{field: value})

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith(f"{field} is invalid: a valid boolean")


def test_template_and_both_switches_go_together(client: Client) -> None:
    task = client.task(client.submit(template="t-pose", t_pose=True, sketch_to_render=True))

    assert task["input"]["t_pose"] is task["input"]["sketch_to_render"] is True


# --- the rest -----------------------------------------------------------------------------------------------------


def test_unknown_fields_are_ignored(client: Client) -> None:
    odd = {"steps": 1, "negative_prompt": "dogs", "style": "vivid", "parameters": {"a": [1]}, "enable_audit": True}
    task = client.task(client.submit(**odd))

    assert set(task["input"]) == {"prompt", "model_version"}


@pytest.mark.parametrize("kind", ["", "image_to_model", "GENERATE_IMAGE", 1, ["generate_image"], {}])
def test_an_unknown_type_is_refused_with_the_known_ones(refusing: Client, kind: Any) -> None:
    answer = refusing.create(type=kind)

    assert answer.refusal == (400, 2002)
    assert answer.suggestion.startswith("type: ")
    assert "generate_image, text_to_image" in answer.suggestion


def test_a_missing_type_is_refused(refusing: Client) -> None:
    answer = refusing.post("/task", {"prompt": "a cat"})

    assert answer.refusal == (400, 2002)
    assert "type is missing" in answer.suggestion


@pytest.mark.parametrize("priority", [1, 2, 3])
def test_the_priority_is_one_to_three(client: Client, priority: int) -> None:
    assert client.create(priority=priority).status == 200


@pytest.mark.parametrize("priority", [0, 4, -1, 10**30])
def test_another_priority_is_refused(refusing: Client, priority: int) -> None:
    answer = refusing.create(priority=priority)

    assert answer.refusal in {(403, 2013), (400, 1004)}
    assert "priority" in answer.suggestion


@pytest.mark.parametrize("priority", ["1", True, 1.0, [1]])
def test_a_priority_is_a_whole_number(refusing: Client, priority: Any) -> None:
    answer = refusing.create(priority=priority)

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("priority ")


def test_of_a_field_given_twice_the_last_counts(client: Client) -> None:
    body = b'{"type":"text_to_image","type":"generate_image","prompt":"","prompt":"a dog","prompt":"a cat"}'
    task = client.task(str(client.post("/task", body).data["task_id"]))

    assert (task["type"], task["prompt"], task["input"]["prompt"]) == ("generate_image", "a cat", "a cat")


# --- text_to_image ------------------------------------------------------------------------------------------------


def test_a_text_task_runs_on_the_default_model_for_five_credits(served: Served) -> None:
    client = newcomer(served, credits=5)
    task = client.done(type="text_to_image", model_version="v2.5-20250123", template="nothing", files=7)

    assert task["status"] == "success"
    assert task["type"] == "text_to_image"
    assert task["input"] == {"prompt": "a small cat", "model_version": "flux.1_kontext_pro"}
    assert list(task["output"]) == ["generated_image"]
    assert client.balance() == (0, 0)


def test_a_negative_prompt_has_up_to_255_characters(client: Client) -> None:
    taken = client.create(type="text_to_image", negative_prompt="猫" * 255)
    refused = client.create(type="text_to_image", negative_prompt="猫" * 256)

    assert taken.status == 200
    assert refused.refusal == (400, 1004)
    assert refused.suggestion.startswith("negative_prompt ")
    assert "255" in refused.suggestion


def test_a_text_task_takes_a_style_picture(served: Served, inline: dict[str, str]) -> None:
    client = newcomer(served)
    task = client.done(type="text_to_image", prompt="in the style of image[1]", style_image=inline)

    assert task["status"] == "success"
    assert task["input"]["style_image"] == {"type": "png", "data": f"<{len(PICTURE)} bytes of image/png>"}


@pytest.mark.parametrize("style", [{}, {"file_token": "a", "url": "https://example.org/a.png"}, "a.png", []])
def test_a_style_picture_has_exactly_one_source(refusing: Client, style: Any) -> None:
    answer = refusing.create(type="text_to_image", style_image=style)

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("style_image ")
