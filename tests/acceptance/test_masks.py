"""Masks and transparent backgrounds, over the strict emulators: obeyed where the vendor can, refused elsewhere."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from contract.client import Client, client_of, footprint, newcomer
from contract.test_addresses import elsewhere
from limner_vendors import Vendors
from serving import Served, serving

SIZE = (96, 64)


def png(size: tuple[int, int], *, alpha: bool) -> bytes:
    picture = Image.new("RGBA" if alpha else "RGB", size, "teal")
    if alpha:
        picture.paste((0, 0, 0, 0), (0, 0, size[0] // 2, size[1]))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


PICTURE, MASK = png(SIZE, alpha=False), png(SIZE, alpha=True)
SMALLER = png((64, 64), alpha=True)


@pytest.fixture(scope="module")
async def emulators() -> AsyncIterator[Vendors]:
    async with Vendors.running(["openai", "bfl", "fal", "replicate"]) as emulators:
        yield emulators
        assert emulators.violations() == []


@pytest.fixture(scope="module")
async def served(emulators: Vendors, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    running = serving(tmp_path_factory.mktemp("masks") / "data", vendors=emulators.environment())
    served = await asyncio.to_thread(running.__enter__)
    yield served
    await asyncio.to_thread(running.__exit__, None, None, None)


@pytest.fixture
def client(served: Served) -> Client:
    return client_of(served)


@pytest.fixture(scope="module")
def other_client(served: Served) -> Client:
    return newcomer(served)


def inline(data: bytes) -> dict[str, str]:
    return {"data": base64.b64encode(data).decode()}


def masked(client: Client, way: str, mask: bytes) -> dict[str, Any]:
    """The fields of a request with a picture and a mask, each sent in this way."""
    if way == "inline":
        return {"file": inline(PICTURE), "mask": inline(mask)}
    return {"file": {"file_token": client.token(PICTURE)}, "mask": {"file_token": client.token(mask)}}


@pytest.mark.parametrize("way", ["inline", "token"])
@pytest.mark.parametrize(
    ("mask", "words"),
    [(SMALLER, "64 x 64 pixels, the first picture 96 x 64"), (PICTURE, "without transparency")],
    ids=["other size", "opaque"],
)
async def test_a_mask_that_does_not_fit_is_refused_and_leaves_nothing(
    served: Served, client: Client, way: str, mask: bytes, words: str
) -> None:
    fields = await asyncio.to_thread(masked, client, way, mask)
    before = await asyncio.to_thread(footprint, served)
    answer = await asyncio.to_thread(lambda: client.create(model_version="gpt_image_2", **fields))
    after = await asyncio.to_thread(footprint, served)

    assert answer.refusal == (400, 1004)
    assert words in answer.suggestion
    assert after == before


async def test_a_mask_goes_to_a_vendor_that_draws_what_is_white(emulators: Vendors, client: Client) -> None:
    """Its pictures are small, so that BFL gets picture and mask enlarged alike."""
    before = len(emulators.purchases("bfl"))
    fields = await asyncio.to_thread(masked, client, "inline", MASK)
    task = await asyncio.to_thread(lambda: client.done(model_version="flux.1_fill", **fields))

    assert (task["status"], task["served_by"]["model"]) == ("success", "flux-pro-1.0-fill")
    [purchase] = emulators.purchases("bfl")[before:]
    assert (purchase.model, len(purchase.references)) == ("flux-pro-1.0-fill", 1)


async def test_a_model_with_a_route_for_masks_takes_it_for_them_alone(emulators: Vendors, client: Client) -> None:
    before = len(emulators.purchases("fal"))
    fields = await asyncio.to_thread(masked, client, "inline", MASK)
    with_mask = await asyncio.to_thread(lambda: client.done(model_version="qwen_image", **fields))
    without = await asyncio.to_thread(lambda: client.done(model_version="qwen_image", file=fields["file"]))

    assert [each["status"] for each in (with_mask, without)] == ["success"] * 2
    bought = emulators.purchases("fal")[before:]
    assert [each.model for each in bought] == ["fal-ai/qwen-image-edit/inpaint", "fal-ai/qwen-image-edit-plus"]


@pytest.mark.parametrize("fields", [{}, {"file": {"data": "…"}}])
async def test_a_model_that_only_redraws_asks_for_a_mask(
    emulators: Vendors, client: Client, fields: dict[str, Any]
) -> None:
    before, bought = await asyncio.to_thread(client.balance), len(emulators.purchases())
    sent = {name: inline(PICTURE) for name in fields} | {"model_version": "flux.1_fill"}
    answer = await asyncio.to_thread(lambda: client.create(**sent))

    assert answer.refusal == (400, 1004)
    assert "no mask says which" in answer.suggestion
    assert answer.suggestion.endswith("Send a picture and its mask, or choose another model_version.")
    assert (await asyncio.to_thread(client.balance), len(emulators.purchases())) == (before, bought)


async def test_a_refusal_of_a_mask_names_the_models_that_take_one(client: Client) -> None:
    fields = await asyncio.to_thread(masked, client, "inline", MASK)
    answer = await asyncio.to_thread(lambda: client.create(model_version="flux.1_kontext_pro", **fields))

    assert answer.refusal == (400, 1004)
    assert "gpt_image_2" in answer.suggestion
    assert "flux.1_fill" in answer.suggestion


@pytest.mark.parametrize("way", ["inline", "token"])
async def test_a_mask_is_sent_along(emulators: Vendors, client: Client, way: str) -> None:
    before = len(emulators.purchases("openai"))
    fields = await asyncio.to_thread(masked, client, way, MASK)
    task = await asyncio.to_thread(lambda: client.done(model_version="gpt_image_2", **fields))

    assert (task["status"], task.get("error_msg")) == ("success", None)
    assert set(task["input"]["mask"]) <= {"data", "object"}
    [purchase] = emulators.purchases("openai")[before:]
    assert len(purchase.references) == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"file": inline(PICTURE), "mask": inline(MASK)}, "mask"),
        ({"background": "transparent"}, "background"),
    ],
    ids=["mask", "background"],
)
async def test_a_model_that_cannot_is_refused_with_those_that_can(
    client: Client, fields: dict[str, Any], field: str
) -> None:
    answer = await asyncio.to_thread(lambda: client.create(model_version="flux.1_kontext_pro", **fields))

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith(f"{field}: flux.1_kontext_pro ")
    assert "gpt_image_2.6_flare" in answer.suggestion


async def test_another_account_s_upload_is_no_mask(other_client: Client, client: Client) -> None:
    theirs = await asyncio.to_thread(other_client.token, MASK)
    fields = {"file": inline(PICTURE), "mask": {"file_token": theirs}}
    answer = await asyncio.to_thread(lambda: client.create(model_version="gpt_image_2", **fields))

    assert answer.refusal == (404, 2019)


async def test_a_mask_without_a_picture_is_refused(client: Client) -> None:
    answer = await asyncio.to_thread(lambda: client.create(model_version="gpt_image_2", mask=inline(MASK)))

    assert answer.refusal == (400, 1004)
    assert "none is given" in answer.suggestion


async def test_a_transparent_background_goes_to_the_route_that_makes_one(emulators: Vendors, client: Client) -> None:
    task = await asyncio.to_thread(lambda: client.done(model_version="gpt_image_2", background="transparent"))

    assert (task["status"], task.get("error_msg")) == ("success", None)
    purchase = emulators.purchases("openai")[-1]
    assert (purchase.model, purchase.asked["background"]) == ("gpt-image-2.6-sunburst", "transparent")


async def test_the_vendor_gets_what_was_asked_for(emulators: Vendors, client: Client) -> None:
    fields = {"size": "2K", "aspect_ratio": "3:2", "quality": "low", "output_format": "webp", "output_compression": 70}
    task = await asyncio.to_thread(lambda: client.done(model_version="gpt_image_2", seed=3, **fields))

    asked = emulators.purchases("openai")[-1].asked
    assert (asked["size"], asked["quality"]) == ("2512x1680", "low")
    assert (asked["output_format"], asked["output_compression"]) == ("webp", 70)
    assert task["ignored"] == [{"field": "seed", "reason": "gpt-image-2 at openai takes no seed"}]
    assert task["output"]["generated_image"].partition("?")[0].endswith(".webp")


# --- by URL ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with elsewhere() as site:
        yield site


async def test_a_mask_by_url_is_checked_when_it_is_fetched_and_costs_nothing(
    emulators: Vendors, site: str, tmp_path: Path
) -> None:
    before = len(emulators.purchases("openai"))
    running = serving(tmp_path / "data", vendors=emulators.environment(), fetch_allow=site)
    served = await asyncio.to_thread(running.__enter__)
    try:
        client = client_of(served)
        balance = await asyncio.to_thread(client.balance)
        mask = {"url": f"http://{site}/cat.png"}
        task = await asyncio.to_thread(
            lambda: client.done(model_version="gpt_image_2", file=inline(PICTURE), mask=mask)
        )
        left = await asyncio.to_thread(client.balance)
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)

    assert (task["status"], task["error_code"], task["consumed_credit"]) == ("failed", 1004, 0)
    assert task["error_msg"].startswith("mask: the mask ")
    assert left == balance
    assert len(emulators.purchases("openai")) == before
