import base64
from typing import Any

import orjson
import pytest

from limner_vendors import Fault, FaultKind, read_card, sha_of
from vendor_client import VendorAnswer, VendorClient, in_base64, reference


async def call(
    vendor_client: VendorClient,
    body: Any,
    model: str = "gemini-3.1-flash-image",
    version: str = "v1beta",
    **headers: str,
) -> VendorAnswer:
    url = f"{vendor_client.emulators.base_url('gemini')}/{version}/models/{model}:generateContent"
    return await vendor_client.request("POST", url, {**vendor_client.headers("gemini"), **headers}, json=body)


def asking(*parts: Any, **config: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [*parts, {"text": "a cat"}]}], "generationConfig": config}


def inline(data: bytes, media_type: str = "image/png") -> dict[str, Any]:
    return {"inlineData": {"mimeType": media_type, "data": in_base64(data)}}


def image(**config: str) -> dict[str, Any]:
    return asking(responseModalities=["IMAGE"], imageConfig=config)


def parts(answer: VendorAnswer) -> list[dict[str, Any]]:
    return answer.json["candidates"][0]["content"]["parts"]


def picture(answer: VendorAnswer) -> bytes:
    shown = [part["inlineData"] for part in parts(answer) if "inlineData" in part and not part.get("thought")]
    return base64.b64decode(shown[-1]["data"], validate=True)


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_both_versions_draw(version: str, vendor_client: VendorClient) -> None:
    answer = await call(vendor_client, image(aspectRatio="16:9", imageSize="2K"), version=version)

    card = read_card(picture(answer))
    assert (card.prompt_sha, card.size) == (sha_of("a cat"), (2752, 1536))
    assert answer.json["candidates"][0]["finishReason"] == "STOP"
    assert answer.json["usageMetadata"]["totalTokenCount"] > 0
    assert answer.json["modelVersion"] == "gemini-3.1-flash-image"


async def test_references_keep_their_order_and_labels_are_no_prompt(vendor_client: VendorClient) -> None:
    first, second = reference("first"), reference("second", form="jpeg")
    body = asking({"text": "Image 1:"}, inline(first), {"text": "Image 2:"}, inline(second, "image/jpeg"))

    card = read_card(picture(await call(vendor_client, body)))

    assert card.references == (sha_of(first), sha_of(second))
    assert card.prompt_sha == sha_of("a cat")


async def test_snake_case_and_the_other_alphabet_are_the_same_request(vendor_client: VendorClient) -> None:
    data = reference("bytes of every kind")
    urlsafe = base64.urlsafe_b64encode(data).decode().rstrip("=")
    body = {
        "contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": urlsafe}}, {"text": "a cat"}]}],
        "generation_config": {"response_modalities": ["IMAGE"], "image_config": {"aspect_ratio": "1:1"}},
    }

    assert read_card(picture(await call(vendor_client, body))).references == (sha_of(data),)


async def test_without_a_ratio_the_first_input_gives_it(vendor_client: VendorClient) -> None:
    answer = await call(vendor_client, asking(inline(reference("wide", (1600, 900)))))

    assert read_card(picture(answer)).size == (1376, 768)


@pytest.mark.parametrize(
    ("model", "config", "size"),
    [
        ("gemini-2.5-flash-image", {"aspectRatio": "16:9"}, (1344, 768)),
        ("gemini-2.5-flash-image", {"aspectRatio": "3:4"}, (864, 1184)),
        ("gemini-3.1-flash-image", {"aspectRatio": "21:9"}, (1584, 672)),
        ("gemini-3.1-flash-image", {"imageSize": "512"}, (512, 512)),
        ("gemini-3-pro-image", {"imageSize": "4K"}, (4096, 4096)),
    ],
)
async def test_pixels_follow_the_measured_tables(
    model: str, config: dict[str, str], size: tuple[int, int], vendor_client: VendorClient
) -> None:
    assert read_card(picture(await call(vendor_client, image(**config), model))).size == size


async def test_the_pro_model_thinks_aloud_and_draws_jpeg(vendor_client: VendorClient) -> None:
    answer = await call(vendor_client, image(), "gemini-3-pro-image")

    thoughts = [part for part in parts(answer) if part.get("thought")]
    assert [set(part) - {"thought"} for part in thoughts] == [{"text"}, {"inlineData"}]
    assert read_card(base64.b64decode(thoughts[1]["inlineData"]["data"])).variant == 7
    assert parts(answer)[-1]["inlineData"]["mimeType"] == "image/jpeg"
    assert parts(answer)[-1]["thoughtSignature"]
    assert read_card(picture(answer)).format == "jpeg"


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("gemini-2.5-flash-image", image(imageSize="1K")),
        ("gemini-2.5-flash-image", image(aspectRatio="1:4")),
        ("gemini-3-pro-image", image(imageSize="512")),
        ("gemini-3-pro-image", image(imageSize="1k")),
        ("gemini-3.1-flash-image", image(aspectRatio="7:5")),
        ("gemini-3.1-flash-image", image(personGeneration="ALLOW_ALL")),
        ("gemini-3.1-flash-image", asking(candidateCount=2)),
        ("gemini-3.1-flash-image", asking(responseModalities=["AUDIO"])),
        ("gemini-3.1-flash-image", asking(width=1024)),
        ("gemini-3.1-flash-image", {**asking(), "prompt": "a cat"}),
        ("gemini-3.1-flash-image", {"contents": []}),
        ("gemini-3.1-flash-image", {"contents": [{"role": "system", "parts": [{"text": "a cat"}]}]}),
        ("gemini-3.1-flash-image", asking(inline(b"no picture"))),
        ("gemini-3.1-flash-image", asking(inline(reference("one"), "image/jpeg"))),
        ("gemini-3.1-flash-image", asking(inline(reference("one"), "image/gif"))),
        ("gemini-3.1-flash-image", asking({"inlineData": {"mimeType": "image/png", "data": "not base64!"}})),
        ("gemini-3.1-flash-image", asking({"inlineData": {"mimeType": "image/png", "data": "", "name": "x"}})),
        ("gemini-3.1-flash-image", asking(*[inline(reference("one"))] * 15)),
    ],
)
async def test_a_bad_request_is_an_invalid_argument(model: str, body: Any, vendor_client: VendorClient) -> None:
    answer = await call(vendor_client, body, model)

    assert answer.status == 400
    assert answer.json["error"]["status"] == "INVALID_ARGUMENT"
    assert answer.json["error"]["message"]
    assert vendor_client.emulators.purchases() == []


async def test_an_unknown_name_is_reported_as_protobuf_does(vendor_client: VendorClient) -> None:
    answer = await call(vendor_client, asking(negativePrompt="dog"))

    assert "Unknown name \"negativePrompt\" at 'generation_config'" in answer.json["error"]["message"]


@pytest.mark.parametrize("model", ["gemini-2.5-flash-image-preview", "gemini-3-pro-image-preview", "imagen"])
async def test_a_model_that_is_gone_is_not_found(model: str, vendor_client: VendorClient) -> None:
    answer = await call(vendor_client, image(), model)

    assert (answer.status, answer.json["error"]["status"]) == (404, "NOT_FOUND")
    assert f"models/{model} is not found for API version v1beta" in answer.json["error"]["message"]


async def test_a_wrong_key_is_a_bad_argument_and_no_key_is_no_permission(vendor_client: VendorClient) -> None:
    wrong = await vendor_client.buy("gemini", "a cat", {"x-goog-api-key": "x"})
    none = await vendor_client.buy("gemini", "a cat", {})

    assert (wrong.status, wrong.json["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")
    assert (none.status, none.json["error"]["status"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize("reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "JAILBREAK"])
async def test_a_blocked_prompt_has_no_candidates(reason: str, vendor_client: VendorClient) -> None:
    answer = await vendor_client.buy("gemini", f"a cat #fault:moderated={reason}")

    assert answer.status == 200
    assert "candidates" not in answer.json
    assert answer.json["promptFeedback"]["blockReason"] == reason
    assert vendor_client.emulators.purchases() == []


@pytest.mark.parametrize("reason", ["SAFETY", "IMAGE_SAFETY", "RECITATION", "SPII", "PUP_LIMITED_DISABLED", "NEWEST"])
async def test_a_refused_picture_has_a_reason_and_no_content(reason: str, vendor_client: VendorClient) -> None:
    answer = await vendor_client.buy("gemini", f"a cat #fault:moderated_output={reason}")

    [candidate] = answer.json["candidates"]
    assert candidate["finishReason"] == reason
    assert "content" not in candidate
    assert not vendor_client.emulators.purchases()[0].charged


@pytest.mark.parametrize(("word", "reason"), [("text_only", "STOP"), ("text_only=MAX_TOKENS", "MAX_TOKENS")])
async def test_an_answer_can_be_words_alone(word: str, reason: str, vendor_client: VendorClient) -> None:
    answer = await vendor_client.buy("gemini", f"a cat #fault:{word}")

    assert [set(part) for part in parts(answer)] == [{"text"}]
    assert answer.json["candidates"][0]["finishReason"] == reason


async def test_an_answer_can_be_empty(vendor_client: VendorClient) -> None:
    answer = await vendor_client.buy("gemini", "a cat #fault:empty")

    assert answer.json["candidates"] == [{"index": 0, "finishReason": "NO_IMAGE"}]


async def test_text_alone_may_be_asked_for(vendor_client: VendorClient) -> None:
    answer = await call(vendor_client, asking(responseModalities=["TEXT"]))

    assert [set(part) for part in parts(answer)] == [{"text"}]


async def test_a_rate_limit_tells_its_wait_in_the_details(vendor_client: VendorClient) -> None:
    vendor_client.emulators.faults("gemini").add(Fault(FaultKind.RATE_LIMITED, value=7))

    answer = await call(vendor_client, image())

    quota, wait = answer.json["error"]["details"]
    assert (answer.status, answer.json["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert "PerMinute" in quota["violations"][0]["quotaId"]
    assert wait["retryDelay"] == "7s"
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [("", 429, b"PerDay"), ("limit0", 429, b"limit: 0"), ("billing", 400, b"FAILED_PRECONDITION")],
)
async def test_a_dry_account_has_several_words(how: str, status: int, said: bytes, vendor_client: VendorClient) -> None:
    vendor_client.emulators.faults("gemini").add(Fault(FaultKind.QUOTA, how=how))

    answer = await call(vendor_client, image())

    assert answer.status == status
    assert said in answer.data


async def test_the_caller_s_timeout_is_the_deadline(vendor_client: VendorClient) -> None:
    vendor_client.emulators.faults("gemini").add(Fault(FaultKind.SLOW, value=0.02))

    answer = await call(vendor_client, image(), **{"X-Server-Timeout": "0.01"})

    assert (answer.status, answer.json["error"]["status"]) == (504, "DEADLINE_EXCEEDED")


async def test_a_timeout_that_is_not_a_number_is_refused(vendor_client: VendorClient) -> None:
    assert (await call(vendor_client, image(), **{"X-Server-Timeout": "soon"})).status == 400


async def test_a_stream_is_the_same_answer_in_chunks(vendor_client: VendorClient) -> None:
    model = f"{vendor_client.emulators.base_url('gemini')}/v1beta/models/gemini-3.1-flash-image"
    url = f"{model}:streamGenerateContent?alt=sse"
    answer = await vendor_client.request("POST", url, vendor_client.headers("gemini"), json=asking())

    chunks = [orjson.loads(line[6:]) for line in answer.data.decode().split("\r\n\r\n") if line]

    said = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
    assert [next(iter(part)) for part in said] == ["text", "inlineData"]
    assert [chunk["candidates"][0].get("finishReason") for chunk in chunks] == [None, "STOP"]


async def test_another_method_is_not_found(vendor_client: VendorClient) -> None:
    url = f"{vendor_client.emulators.base_url('gemini')}/v1beta/models/gemini-3.1-flash-image:predict"

    assert (await vendor_client.request("POST", url, vendor_client.headers("gemini"), json=asking())).status == 404
