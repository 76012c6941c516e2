"""Open WebUI's own image router makes pictures through both of its engines that Limner can be.

`programs/open_webui.py` lists what of Open WebUI is replaced by a stand-in.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from clients.conftest import NO_PACKAGES
from clients.environments import NotInstalled, python_of
from clients.router import image_router
from contract.client import PICTURE, Client, newcomer
from serving import Served, serving

pytestmark = pytest.mark.long

PROGRAM = Path(__file__).parent / "programs" / "open_webui.py"
TIMEOUT_S = 120

Ask = Callable[..., tuple[list[Any], list[Path]]]


@pytest.fixture(scope="module")
def webui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("webui"), a1111="true") as server:
        yield server


@pytest.fixture
def caller(webui: Served) -> Client:
    return newcomer(webui)


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Send requests to the router, with an administrator's settings; returns its answers and the pictures it kept."""
    try:
        python, router = python_of("open-webui"), image_router()
    except NotInstalled as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{NO_PACKAGES}: {error}")

    def ask(settings: dict[str, Any], *requests: tuple[str, str, Any]) -> tuple[list[Any], list[Path]]:
        (tmp_path / "in.png").write_bytes(PICTURE)
        variables = {"ROUTER": str(router), "SETTINGS": json.dumps(settings), "REQUESTS": json.dumps(requests)}
        done = subprocess.run(
            [python, PROGRAM, tmp_path / "in.png", tmp_path],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        return said["answers"], [Path(file) for file in said["made"]]

    return ask


def openai_engine(caller: Client, **typed: Any) -> dict[str, Any]:
    """As somebody sets it up who types base URL and key, and nothing else."""
    url = f"{caller.url}/v1"
    return {
        "image_generation.enable": True,
        "image_generation.engine": "openai",
        "image_generation.model": "",
        "image_generation.openai.api_base_url": url,
        "image_generation.openai.api_key": caller.key,
        "images.edit.enable": True,
        "images.edit.engine": "openai",
        "images.edit.model": "",
        "images.edit.openai.api_base_url": url,
        "images.edit.openai.api_key": caller.key,
    } | typed


def a1111_engine(caller: Client) -> dict[str, Any]:
    return {
        "image_generation.enable": True,
        "image_generation.engine": "automatic1111",
        "image_generation.automatic1111.base_url": caller.url,
        "image_generation.automatic1111.api_auth": f"limner:{caller.key}",
        "image_generation.steps": 20,
    }


def test_openais_engine_makes_a_picture_of_a_whole_message(ask: Ask, caller: Client) -> None:
    prompt = "Draw me a lighthouse 🗼, please.\n" * 200
    [(status, answer)], made = ask(openai_engine(caller), ("POST", "/images/generations", {"prompt": prompt}))

    assert status == 200, answer
    assert len(answer) == len(made) == 1
    with Image.open(made[0]) as shown:
        assert shown.format == "PNG"
    assert caller.balance() == (1000 - 5, 0)


@pytest.mark.parametrize("model", ["gpt-image-1", "dall-e-3", "gpt_image_2"])
def test_openais_engine_makes_two_pictures_of_a_size_by_every_model(ask: Ask, caller: Client, model: str) -> None:
    settings = openai_engine(caller, **{"image_generation.model": model, "image_generation.size": "512x512"})
    [(status, answer)], made = ask(settings, ("POST", "/images/generations", {"prompt": "a fox", "n": 2}))

    assert (status, len(made)) == (200, 2), answer


def test_openais_engine_edits_one_picture_and_several(ask: Ask, caller: Client) -> None:
    one = {"prompt": "as a statue", "image": "PICTURE"}
    several = {"prompt": "both in one", "image": ["PICTURE", "PICTURE"], "size": "1024x1024"}
    answers, made = ask(openai_engine(caller), ("POST", "/images/edit", one), ("POST", "/images/edit", several))

    assert [status for status, _ in answers] == [200, 200], answers
    assert len(made) == 2


def test_a_refusal_reaches_the_user_and_costs_nothing(ask: Ask, caller: Client) -> None:
    settings = openai_engine(caller, **{"image_generation.model": "no-such-model"})
    [(status, _)], made = ask(settings, ("POST", "/images/generations", {"prompt": "a fox"}))

    assert (status, made) == (400, [])
    assert caller.balance() == (1000, 0)


def test_a1111s_engine_is_verified_lists_models_and_makes_a_picture_by_the_chosen_one(ask: Ask, caller: Client) -> None:
    verify = {"engine": "automatic1111", "url": caller.url, "key": f"limner:{caller.key}"}
    picture = {"prompt": "a fox", "model": "gpt_image_2", "negative_prompt": "text", "size": "768x512"}
    answers, made = ask(
        a1111_engine(caller),
        ("POST", "/images/verify", verify),
        ("GET", "/images/models", None),
        ("POST", "/images/generations", picture),
    )

    assert [status for status, _ in answers] == [200, 200, 200], answers
    assert {"id": "gpt_image_2", "name": "gpt_image_2"} in answers[1][1]
    assert len(made) == 1
    [task] = caller.get("/v2/openapi/tasks").data["tasks"]
    assert task["input"]["model_version"] == "gpt_image_2"
