"""OpenAI's published client is content with the emulator."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from limner_vendors import Fault, FaultKind, Vendors, read_card, sha_of
from vendor_client import reference


@pytest.fixture
async def client(emulators: Vendors) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        api_key=emulators.key("openai"), base_url=emulators.base_url("openai"), max_retries=0
    ) as client:
        yield client


def card(answer: Any) -> Any:
    return read_card(base64.b64decode(answer.data[0].b64_json))


async def test_generation(client: openai.AsyncOpenAI) -> None:
    answer = await client.images.generate(model="gpt-image-2", prompt="a cat", size="1024x1024", quality="low")

    assert card(answer).prompt_sha == sha_of("a cat")
    assert answer.usage.output_tokens_details.image_tokens > 0
    assert answer._request_id.startswith("req_")


async def test_an_edit_of_one_picture(client: openai.AsyncOpenAI) -> None:
    one = reference("one")

    answer = await client.images.edit(model="gpt-image-2", prompt="a cat", image=("one.png", one, "image/png"))

    assert card(answer).references == (sha_of(one),)


async def test_an_edit_of_several_pictures(client: openai.AsyncOpenAI) -> None:
    pictures = [reference(name) for name in "abc"]

    answer = await client.images.edit(
        model="gpt-image-1.5",
        prompt="a cat",
        image=[(f"{n}.png", data, "image/png") for n, data in enumerate(pictures)],
        input_fidelity="high",
        n=1,
    )

    assert card(answer).references == tuple(sha_of(data) for data in pictures)


@pytest.mark.parametrize("edits", [False, True])
async def test_streaming(client: openai.AsyncOpenAI, *, edits: bool) -> None:
    asked: dict[str, Any] = {"model": "gpt-image-2", "prompt": "a cat", "stream": True, "partial_images": 1}
    one = ("one.png", reference("one"), "image/png")
    stream = await (client.images.edit(image=one, **asked) if edits else client.images.generate(**asked))

    events = [event async for event in stream]

    kind = "image_edit" if edits else "image_generation"
    assert [event.type for event in events] == [f"{kind}.partial_image", f"{kind}.completed"]
    assert events[-1].usage.total_tokens > 0


async def test_azure(emulators: Vendors) -> None:
    endpoint = emulators.base_url("openai").removesuffix("/v1")
    async with openai.AsyncAzureOpenAI(
        api_key=emulators.key("openai"), azure_endpoint=endpoint, api_version="2025-04-01-preview", max_retries=0
    ) as client:
        made = await client.images.generate(model="gpt-image-2", prompt="a cat")
        edited = await client.images.edit(
            model="gpt-image-2", prompt="a cat", image=("one.png", reference("one"), "image/png")
        )

    assert card(made).prompt_sha == sha_of("a cat")
    assert len(card(edited).references) == 1


async def test_refusals_are_understood(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.images.generate(model="gpt-image-2", prompt="a cat #fault:moderated")

    assert (refused.value.code, refused.value.type) == ("moderation_blocked", "image_generation_user_error")
    assert refused.value.request_id


async def test_the_client_waits_as_long_as_it_is_reported_and_asks_again(emulators: Vendors) -> None:
    emulators.faults("openai").add(Fault(FaultKind.RATE_LIMITED, value=0.001, how="ms"))
    async with openai.AsyncOpenAI(api_key=emulators.key("openai"), base_url=emulators.base_url("openai")) as client:
        answer = await client.images.generate(model="gpt-image-2", prompt="a cat")

    assert card(answer).prompt_sha == sha_of("a cat")
    assert emulators.faults("openai").requests["submit"] == 2


async def test_models(client: openai.AsyncOpenAI) -> None:
    assert "gpt-image-2" in [model.id async for model in client.models.list()]
