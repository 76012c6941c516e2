"""The four sides of a subject, on v3 and across the APIs."""

from typing import Any

import pytest

from contract.client import PICTURE
from contract.v3.client import V3Client

VIEWS = ("front", "left", "back", "right")
EDIT = {"prompts": [{"view": "back", "prompt": "a blue cape"}]}


def ended(client: V3Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    created = client.post(path, body).data
    return client.wait(created["task_id"])


def turned(client: V3Client, **fields: Any) -> dict[str, Any]:
    return ended(client, "/generation/image-to-multiview", {"input": client.token()} | fields)


def urls(task: dict[str, Any]) -> dict[str, str]:
    """The addresses of the four pictures, less their signatures."""
    reported: dict[str, str] = task["output"]["generate_multiview_image"]
    return {name: url.partition("?")[0] for name, url in reported.items()}


def test_a_picture_is_turned_and_read_on_both_faces(client: V3Client) -> None:
    here = turned(client)
    there = client.v2.task(here["task_id"])

    assert (here["status"], here["type"], here["credits_consumed"]) == ("success", "generate_multiview_image", 10)
    assert list(urls(here)) == [f"{view}_view_url" for view in VIEWS]
    assert urls(there) == urls(here)


@pytest.mark.parametrize("field", ["input", "original_task_id"])
def test_a_view_is_edited_under_either_name_of_the_task(client: V3Client, field: str) -> None:
    original = turned(client)

    edited = ended(client, "/generation/edit-multiview", {field: original["task_id"]} | EDIT)

    assert (edited["status"], edited["type"], edited["credits_consumed"]) == ("success", "edit_multiview_image", 5)
    assert edited["input"]["original_task_id"] == original["task_id"]
    assert edited["input"]["prompts"] == EDIT["prompts"]


def test_a_task_of_v2_is_edited_on_v3(client: V3Client) -> None:
    body = {"type": "generate_multiview_image", "file": {"file_token": client.v2.token()}}
    original = client.v2.post("/task", body).data["task_id"]
    client.v2.wait(original)

    assert ended(client, "/generation/edit-multiview", {"input": original} | EDIT)["status"] == "success"


def test_models_are_accepted_by_the_names_of_both_apis(client: V3Client) -> None:
    here = turned(client, model="banana_pro")

    assert here["input"]["model_version"] == "gemini_3_pro_image_preview"


@pytest.mark.parametrize(
    ("path", "body", "refusal", "words"),
    [
        ("image-to-multiview", {}, (400, 1004), "input"),
        ("image-to-multiview", {"input": PICTURE[:10].hex()}, (400, 1004), "input"),
        ("image-to-multiview", {"input": "https://example.org/x.png", "model": "midjourney"}, (400, 1004), "model"),
        ("edit-multiview", EDIT, (400, 1004), "input"),
        ("edit-multiview", {"input": "x", "prompts": []}, (400, 1004), "prompts"),
        ("edit-multiview", {"input": "x", "prompts": EDIT["prompts"] * 2}, (400, 1004), "back"),
        ("edit-multiview", {"input": "x"} | EDIT, (404, 2001), "x"),
    ],
)
def test_what_makes_no_sense_is_refused(
    refusing: V3Client, path: str, body: dict[str, Any], refusal: tuple[int, int], words: str
) -> None:
    answer = refusing.post(f"/generation/{path}", body)

    assert answer.refusal == refusal
    assert words in answer.json["message"] + answer.json["suggestion"]


def test_another_account_s_views_are_not_there(client: V3Client, other_client: V3Client) -> None:
    original = turned(client)

    answer = other_client.post("/generation/edit-multiview", {"input": original["task_id"]} | EDIT)

    assert answer.refusal == (404, 2001)
