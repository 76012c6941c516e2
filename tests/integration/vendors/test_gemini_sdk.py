"""Google's published client is content with the emulator. It is asked in a thread, as its callers without a loop do."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from limner_vendors import Fault, FaultKind, Vendors, read_card, sha_of
from vendor_client import reference

MODEL = "gemini-3.1-flash-image"


@pytest.fixture(params=["v1", "v1beta"])
def client(request: pytest.FixtureRequest, emulators: Vendors) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=emulators.base_url("gemini"), api_version=request.param, timeout=60_000)
    with genai.Client(api_key=emulators.key("gemini"), http_options=options) as client:
        yield client


async def generate(client: genai.Client, contents: Any, model: str = MODEL, **config: Any) -> Any:
    settings = types.GenerateContentConfig(response_modalities=["IMAGE"], **config)
    return await asyncio.to_thread(client.models.generate_content, model=model, contents=contents, config=settings)


async def test_pictures_in_and_out(client: genai.Client) -> None:
    first, second = reference("first"), reference("second", form="webp")
    contents = [
        "Image 1:",
        types.Part.from_bytes(data=first, mime_type="image/png"),
        "Image 2:",
        types.Part.from_bytes(data=second, mime_type="image/webp"),
        "a cat",
    ]

    answer = await generate(client, contents, image_config=types.ImageConfig(aspect_ratio="16:9", image_size="1K"))

    card = read_card(answer.parts[-1].inline_data.data)
    assert card.references == (sha_of(first), sha_of(second))
    assert card.prompt_sha == sha_of("a cat")
    assert card.size == (1376, 768)


async def test_thoughts_are_understood(client: genai.Client) -> None:
    answer = await generate(client, "a cat", "gemini-3-pro-image")

    assert [bool(part.thought) for part in answer.parts] == [True, True, False]
    assert answer.parts[-1].inline_data.mime_type == "image/jpeg"


async def test_settings_that_people_send_are_taken(client: genai.Client) -> None:
    safety = types.SafetySetting(category="HARM_CATEGORY_DANGEROUS_CONTENT", threshold="BLOCK_ONLY_HIGH")

    answer = await generate(
        client,
        "a cat",
        seed=7,
        temperature=0.5,
        candidate_count=1,
        safety_settings=[safety],
        system_instruction="Draw.",
    )

    assert answer.candidates[0].finish_reason == types.FinishReason.STOP


async def test_a_blocked_prompt_is_understood(client: genai.Client) -> None:
    answer = await generate(client, "a cat #fault:moderated")

    assert answer.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT
    assert answer.candidates is None


async def test_errors_are_understood(client: genai.Client, emulators: Vendors) -> None:
    emulators.faults("gemini").add(Fault(FaultKind.RATE_LIMITED))

    with pytest.raises(errors.ClientError) as refused:
        await generate(client, "a cat")

    assert (refused.value.code, refused.value.status) == (429, "RESOURCE_EXHAUSTED")


async def test_streams_are_understood(client: genai.Client) -> None:
    def read() -> list[Any]:
        return list(client.models.generate_content_stream(model=MODEL, contents="a cat"))

    chunks = await asyncio.to_thread(read)

    assert read_card(chunks[-1].parts[-1].inline_data.data).prompt_sha == sha_of("a cat")
