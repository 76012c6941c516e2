"""Every model over its vendor's protocol: a real server, and the strict emulators in place of the vendors."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from limner.models import shipped_models
from limner.providers.declarations import declarations
from limner.routes import routes_of
from limner.settings import Settings
from limner_vendors import Vendors, read_card
from serving import Served, serving
from task_client import call, download_picture, run_task

MODELS = shipped_models()

PICTURE = Path(__file__).resolve().parents[2] / "src" / "limner" / "templates" / "t_pose" / "pose.png"
INLINE = {"data": base64.b64encode(PICTURE.read_bytes()).decode()}
REQUESTS: dict[str, dict[str, Any]] = {
    "no image": {},
    "one image": {"file": INLINE},
    "many images": {"files": [INLINE, INLINE], "prompt": "image[1] in the style of image[2]"},
    "template": {"template": "t_pose"},
}
ROUTES = routes_of(Settings(), frozenset(declarations()))
MASKED = {"flux.1_fill"}
"""Models that only redraw what a mask shows: see `test_masks.py`."""

VENDOR_OF = {model: routes[0].provider for model, routes in ROUTES.items()}
"""All vendors are configured, so the first route serves each model."""


@pytest.fixture(scope="module")
async def emulators() -> AsyncIterator[Vendors]:
    async with Vendors.running() as emulators:
        yield emulators


@pytest.fixture(scope="module")
async def served(emulators: Vendors, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    data = tmp_path_factory.mktemp("acceptance") / "data"
    running = serving(data, vendors=emulators.environment(), account_tasks="100")
    served = await asyncio.to_thread(running.__enter__)
    yield served
    await asyncio.to_thread(running.__exit__, None, None, None)


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("model", MODELS)
async def test_a_model_answers_with_its_vendors_picture(
    served: Served, emulators: Vendors, model: str, name: str
) -> None:
    if model in MASKED:
        assert (await refused(served, model, name))["code"] == 1004
        return
    takes_images = MODELS[model].reference_cap or MODELS[model].successor_with_image
    if name in {"one image", "many images"} and not takes_images:
        assert (await refused(served, model, name))["code"] == 1004
        return

    task, picture = await made(served, model, name)

    assert (task["status"], task.get("error_msg")) == ("success", None)
    assert task["served_by"]["provider"] == VENDOR_OF[model]
    assert task["served_by"]["generative"] is True
    if model != "midjourney":  # a quarter of whose grid carries no card of its own
        own = len(REQUESTS[name].get("files", ())) + ("file" in REQUESTS[name])
        assert len(read_card(picture).references) == own + (name == "template")
    assert emulators.violations() == []


async def test_nothing_was_bought_beside_the_journal(served: Served, emulators: Vendors) -> None:
    bought = len(emulators.purchases("bfl"))

    task, _ = await made(served, "flux.1_kontext_pro", "no image")

    assert len(emulators.purchases("bfl")) == bought + 1
    assert task["consumed_credit"] == 5
    assert (await asyncio.to_thread(served.cli, "credits", "prove"))["proved"] is True


async def test_a_moderated_prompt_is_banned_and_free(served: Served) -> None:
    task = await run_task(served, "flux.1_kontext_pro", prompt="a red bicycle #fault:moderated")

    assert (task["status"], task["error_code"], task["consumed_credit"]) == ("banned", 2008, 0)


SUCCESSORS = {
    model: routes[1].upstream
    for model, routes in ROUTES.items()
    if routes[0].provider in {"openai", "gemini"} and routes[1:]
}


@pytest.mark.parametrize("model", SUCCESSORS)
async def test_when_an_upstream_is_shut_down_its_successor_draws(served: Served, model: str) -> None:
    """The last of this module: the route of the model that is gone is left alone for a while."""
    task = await run_task(served, model, prompt=f"a red bicycle for {model} #fault:model_gone*1")

    assert (task["status"], task.get("error_msg")) == ("success", None)
    assert task["served_by"]["model"] == SUCCESSORS[model]


async def made(served: Served, model: str, name: str) -> tuple[dict[str, Any], bytes]:
    task = await run_task(served, model, **{"prompt": "a red bicycle"} | REQUESTS[name])
    return task, await download_picture(task)


async def refused(served: Served, model: str, name: str) -> dict[str, Any]:
    sent = {"type": "generate_image", "model_version": model, "prompt": "a red bicycle"} | REQUESTS[name]
    return await call(served, "/task", sent)
