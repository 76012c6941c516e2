"""The list of models, on both faces: without a vendor, every model is served by the engine."""

from typing import Any

from contract.client import BASE, Client
from limner.models import shipped_models

MODELS = shipped_models()


def listed(client: Client, path: str) -> dict[str, dict[str, Any]]:
    return {each["model_version"]: each for each in client.get(path).data["models"]}


def test_every_model_is_listed_in_the_order_of_the_catalogue(client: Client) -> None:
    assert list(listed(client, f"{BASE}/models")) == list(MODELS)


def test_both_faces_list_the_same(client: Client) -> None:
    assert listed(client, "/v3/models") == listed(client, f"{BASE}/models")


def test_a_model_is_listed_with_its_price_its_names_and_who_serves_it(client: Client) -> None:
    found = listed(client, f"{BASE}/models")["gpt_4o"]

    assert {name: found[name] for name in found if name not in {"obeys", "retired"}} == {
        "model_version": "gpt_4o",
        "title": "GPT-4o (gpt-image-1)",
        "aliases": ["chat_image_1"],
        "credits": 5,
        "reference_images": 10,
        "reference_formats": ["jpeg", "png", "webp"],
        "served_by": [{"provider": "sandbox", "model": "gpt_4o"}],
    }
    assert found["retired"] == "2026-10-23"


def test_a_model_for_words_alone_says_which_one_takes_pictures_in_its_place(client: Client) -> None:
    found = listed(client, f"{BASE}/models")["flux.1_dev"]

    assert found["reference_images"] == 0
    assert found["model_with_image"] == "flux.1_kontext_pro"
    assert "reference_formats" not in found
    assert "retired" not in found
