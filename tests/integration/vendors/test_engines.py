"""The two inference servers that differ from OpenAI's protocol."""

import asyncio
import base64
from typing import Any

import aiohttp
import pytest

from limner_vendors import read_card, sha_of
from vendor_client import VendorAnswer, VendorClient, reference

KONTEXT = "black-forest-labs/FLUX.1-Kontext-dev"


async def generate(vendor_client: VendorClient, engine: str, **body: Any) -> VendorAnswer:
    url = f"{vendor_client.emulators.base_url(engine)}/images/generations"
    return await vendor_client.request("POST", url, json={"prompt": "a cat", **body})


async def edit(vendor_client: VendorClient, engine: str, pictures: list[bytes], **fields: str) -> VendorAnswer:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in {"prompt": "a cat", "response_format": "b64_json", **fields}.items():
        form.add_field(name, value)
    for data in pictures:
        form.add_field("image", data, filename="picture.png", content_type="image/png")
    return await vendor_client.request("POST", f"{vendor_client.emulators.base_url(engine)}/images/edits", data=form)


def cards(answer: VendorAnswer) -> list[Any]:
    return [read_card(base64.b64decode(one["b64_json"])) for one in answer.json["data"]]


async def test_sglang_answers_by_url_unless_reported_otherwise_and_cannot(vendor_client: VendorClient) -> None:
    answer = await generate(vendor_client, "sglang")

    assert answer.status == 400
    assert "url" in answer.json["detail"]


async def test_sglang_takes_what_engines_take(vendor_client: VendorClient) -> None:
    answer = await generate(
        vendor_client,
        "sglang",
        response_format="b64_json",
        size="768x512",
        num_inference_steps=28,
        guidance_scale=3.5,
        seed=7,
        negative_prompt="dog",
        model="anything",
    )

    assert cards(answer)[0].size == (768, 512)
    assert answer.json.keys() == {"id", "created", "data", "inference_time_s"}


async def test_sglang_edits(vendor_client: VendorClient) -> None:
    one = reference("one")

    assert cards(await edit(vendor_client, "sglang", [one]))[0].references == (sha_of(one),)


async def test_sglang_fails_with_an_error_of_its_own(vendor_client: VendorClient) -> None:
    answer = await generate(vendor_client, "sglang", prompt="a cat #fault:unavailable", response_format="b64_json")

    assert answer.status == 503
    assert answer.json.keys() == {"error"}


async def test_sglang_holds_requests_back_while_it_warms_up(vendor_client: VendorClient) -> None:
    engine: Any = vendor_client.emulators.emulator("sglang")
    engine.warm.clear()
    health = f"{vendor_client.emulators.base_url('sglang').removesuffix('/v1')}/health"
    waiting = asyncio.create_task(generate(vendor_client, "sglang", response_format="b64_json"))

    cold = (await vendor_client.request("GET", health)).status
    early = waiting.done()
    engine.warm.set()

    assert (cold, early) == (503, False)
    assert (await waiting).status == 200
    assert (await vendor_client.request("GET", health)).status == 200


@pytest.mark.parametrize(("model", "status"), [(KONTEXT, 200), (None, 200), ("black-forest-labs/FLUX.1-dev", 400)])
async def test_vllm_serves_one_model(model: str | None, status: int, vendor_client: VendorClient) -> None:
    answer = await generate(vendor_client, "vllm", model=model)

    assert answer.status == status
    assert status == 200 or answer.json["detail"].startswith("Model mismatch")


async def test_vllm_takes_a_list_for_a_batch(vendor_client: VendorClient) -> None:
    first, second = reference("first"), reference("second")

    answer = await edit(vendor_client, "vllm", [first, second])

    assert [card.references for card in cards(answer)] == [(sha_of(first),), (sha_of(second),)]


@pytest.mark.parametrize(
    "body",
    [{"num_inference_steps": 201}, {"guidance_scale": 21}, {"quality": "high"}, {"response_format": "url"}, {"n": 11}],
)
async def test_vllm_keeps_to_its_bounds(body: Any, vendor_client: VendorClient) -> None:
    answer = await generate(vendor_client, "vllm", **body)

    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body", next(iter(body))]


@pytest.mark.parametrize("engine", ["sglang", "vllm"])
async def test_an_engine_says_what_it_serves(engine: str, vendor_client: VendorClient) -> None:
    answer = await vendor_client.request("GET", f"{vendor_client.emulators.base_url(engine)}/models")

    assert answer.json["data"][0]["id"].startswith("black-forest-labs/")


@pytest.mark.parametrize("engine", ["sglang", "vllm"])
async def test_an_edit_without_a_picture_is_refused(engine: str, vendor_client: VendorClient) -> None:
    assert (await edit(vendor_client, engine, [])).status == 422
