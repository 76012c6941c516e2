"""The two inference servers that speak OpenAI's wire with an accent."""

import asyncio
import base64
from typing import Any

import aiohttp
import pytest

from asking import Answer, Asker, reference
from limner.testing.vendors import read_card, sha_of

KONTEXT = "black-forest-labs/FLUX.1-Kontext-dev"


async def generate(asker: Asker, engine: str, **body: Any) -> Answer:
    url = f"{asker.street.base_url(engine)}/images/generations"
    return await asker.ask("POST", url, json={"prompt": "a cat", **body})


async def edit(asker: Asker, engine: str, pictures: list[bytes], **fields: str) -> Answer:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in {"prompt": "a cat", "response_format": "b64_json", **fields}.items():
        form.add_field(name, value)
    for data in pictures:
        form.add_field("image", data, filename="picture.png", content_type="image/png")
    return await asker.ask("POST", f"{asker.street.base_url(engine)}/images/edits", data=form)


def cards(answer: Answer) -> list[Any]:
    return [read_card(base64.b64decode(one["b64_json"])) for one in answer.json["data"]]


async def test_sglang_answers_by_url_unless_told_otherwise_and_cannot(asker: Asker) -> None:
    answer = await generate(asker, "sglang")

    assert answer.status == 400
    assert "url" in answer.json["detail"]


async def test_sglang_takes_what_engines_take(asker: Asker) -> None:
    answer = await generate(
        asker,
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


async def test_sglang_edits(asker: Asker) -> None:
    one = reference("one")

    assert cards(await edit(asker, "sglang", [one]))[0].references == (sha_of(one),)


async def test_sglang_fails_with_an_error_of_its_own(asker: Asker) -> None:
    answer = await generate(asker, "sglang", prompt="a cat #fault:unavailable", response_format="b64_json")

    assert answer.status == 503
    assert answer.json.keys() == {"error"}


async def test_sglang_holds_requests_back_while_it_warms_up(asker: Asker) -> None:
    engine: Any = asker.street.emulator("sglang")
    engine.warm.clear()
    health = f"{asker.street.base_url('sglang').removesuffix('/v1')}/health"
    waiting = asyncio.create_task(generate(asker, "sglang", response_format="b64_json"))

    cold = (await asker.ask("GET", health)).status
    early = waiting.done()
    engine.warm.set()

    assert (cold, early) == (503, False)
    assert (await waiting).status == 200
    assert (await asker.ask("GET", health)).status == 200


@pytest.mark.parametrize(("model", "status"), [(KONTEXT, 200), (None, 200), ("black-forest-labs/FLUX.1-dev", 400)])
async def test_vllm_serves_one_model(model: str | None, status: int, asker: Asker) -> None:
    answer = await generate(asker, "vllm", model=model)

    assert answer.status == status
    assert status == 200 or answer.json["detail"].startswith("Model mismatch")


async def test_vllm_takes_a_list_for_a_batch(asker: Asker) -> None:
    first, second = reference("first"), reference("second")

    answer = await edit(asker, "vllm", [first, second])

    assert [card.references for card in cards(answer)] == [(sha_of(first),), (sha_of(second),)]


@pytest.mark.parametrize(
    "body",
    [{"num_inference_steps": 201}, {"guidance_scale": 21}, {"quality": "high"}, {"response_format": "url"}, {"n": 11}],
)
async def test_vllm_keeps_to_its_bounds(body: Any, asker: Asker) -> None:
    answer = await generate(asker, "vllm", **body)

    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body", next(iter(body))]


@pytest.mark.parametrize("engine", ["sglang", "vllm"])
async def test_an_engine_says_what_it_serves(engine: str, asker: Asker) -> None:
    answer = await asker.ask("GET", f"{asker.street.base_url(engine)}/models")

    assert answer.json["data"][0]["id"].startswith("black-forest-labs/")


@pytest.mark.parametrize("engine", ["sglang", "vllm"])
async def test_an_edit_without_a_picture_is_refused(engine: str, asker: Asker) -> None:
    assert (await edit(asker, engine, [])).status == 422
