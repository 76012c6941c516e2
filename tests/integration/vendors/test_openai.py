import base64
import io
from typing import Any

import aiohttp
import orjson
import pytest

from limner_vendors import Fault, FaultKind, read_card, sha_of
from vendor_client import VendorAnswer, VendorClient, reference

CAT = {"model": "gpt-image-2", "prompt": "a cat"}


async def generate(vendor_client: VendorClient, body: Any = CAT) -> VendorAnswer:
    url = f"{vendor_client.emulators.base_url('openai')}/images/generations"
    return await vendor_client.request("POST", url, vendor_client.headers("openai"), json=body)


async def edit(vendor_client: VendorClient, parts: list[tuple[Any, ...]], fields: dict[str, str] = CAT) -> VendorAnswer:
    """`parts` are (name, bytes, content type)."""
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        form.add_field(name, value)
    for name, data, media_type in parts:
        form.add_field(name, io.BytesIO(data), filename="picture", content_type=media_type)
    url = f"{vendor_client.emulators.base_url('openai')}/images/edits"
    return await vendor_client.request("POST", url, vendor_client.headers("openai"), data=form)


def png(name: str = "one", size: tuple[int, int] = (300, 400)) -> tuple[Any, ...]:
    return "image[]", reference(name, size), "image/png"


def pictures(answer: VendorAnswer) -> list[bytes]:
    return [base64.b64decode(one["b64_json"], validate=True) for one in answer.json["data"]]


def error(answer: VendorAnswer) -> Any:
    return answer.json["error"]


async def test_a_generation_answers_in_base64_with_usage_and_echo(vendor_client: VendorClient) -> None:
    body = {**CAT, "size": "1280x720", "output_format": "webp", "quality": "low", "output_compression": 80}

    answer = await generate(vendor_client, body)

    [picture] = pictures(answer)
    card = read_card(picture)
    assert (card.prompt_sha, card.size, card.format) == (sha_of("a cat"), (1280, 720), "webp")
    assert (answer.json["size"], answer.json["output_format"], answer.json["quality"]) == ("1280x720", "webp", "low")
    assert answer.json["usage"]["total_tokens"] > 0
    assert answer.headers["x-request-id"].startswith("req_")


async def test_several_are_drawn_when_asked_for(vendor_client: VendorClient) -> None:
    answer = await generate(vendor_client, {**CAT, "n": 3})

    assert [read_card(picture).variant for picture in pictures(answer)] == [0, 1, 2]


async def test_references_keep_the_order_of_their_parts(vendor_client: VendorClient) -> None:
    names = ["c", "a", "b"]
    parts = [png(name) for name in names]
    parts[1] = ("image[]", reference("a", form="jpeg"), "image/jpeg")
    parts[2] = ("image[]", reference("b", form="webp"), "image/webp")

    answer = await edit(vendor_client, parts)

    assert read_card(pictures(answer)[0]).references == tuple(sha_of(part[1]) for part in parts)


async def test_one_picture_may_come_as_image(vendor_client: VendorClient) -> None:
    assert (await edit(vendor_client, [("image", reference("one"), "image/png")])).status == 200


async def test_an_edit_may_have_a_mask_and_every_field_as_text(vendor_client: VendorClient) -> None:
    fields = {**CAT, "n": "2", "size": "1024x1024", "quality": "high", "output_compression": "100"}
    answer = await edit(vendor_client, [png(), ("mask", reference("mask"), "image/png")], fields)

    assert answer.status == 200
    assert len(pictures(answer)) == 2


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"response_format": "b64_json"}, "response_format", "unknown_parameter"),
        ({"style": "vivid"}, "style", "unknown_parameter"),
        ({"input_fidelity": "high"}, "input_fidelity", "unknown_parameter"),
        ({"seed": 1}, "seed", "unknown_parameter"),
        ({"n": 11}, "n", "invalid_value"),
        ({"n": "1"}, "n", "invalid_value"),
        ({"quality": "hd"}, "quality", "invalid_value"),
        ({"quality": "xhigh"}, "quality", "invalid_value"),
        ({"output_format": "gif"}, "output_format", "invalid_value"),
        ({"output_compression": 50}, "output_compression", "invalid_value"),
        ({"background": "transparent", "output_format": "jpeg"}, "background", "invalid_value"),
        ({"moderation": "none"}, "moderation", "invalid_value"),
        ({"partial_images": 4}, "partial_images", "invalid_value"),
        ({"prompt": ""}, "prompt", "invalid_value"),
        ({"prompt": "x" * 32_001}, "prompt", "invalid_value"),
        ({"size": "1000x1000"}, "size", "invalid_value"),
        ({"size": "512x512"}, "size", "invalid_value"),
        ({"size": "3072x1008"}, "size", "invalid_value"),
        ({"size": "4096x2048"}, "size", "invalid_value"),
        ({"size": "3840x2176"}, "size", "invalid_value"),
        ({"size": "large"}, "size", "invalid_value"),
        ({"model": "gpt-image-1.5", "size": "1280x720"}, "size", "invalid_value"),
    ],
)
async def test_a_bad_generation_is_refused_by_its_parameter(
    change: Any, param: str, code: str, vendor_client: VendorClient
) -> None:
    answer = await generate(vendor_client, {**CAT, **change})

    assert answer.status == 400
    assert (error(answer)["param"], error(answer)["code"]) == (param, code)
    assert error(answer).keys() == {"message", "type", "param", "code"}
    assert answer.headers["x-request-id"]
    assert vendor_client.emulators.purchases() == []


@pytest.mark.parametrize("size", ["1024x1024", "3840x1280", "1248x832", "3840x2160", "auto"])
async def test_sizes_within_the_rules_are_taken(size: str, vendor_client: VendorClient) -> None:
    assert (await generate(vendor_client, {**CAT, "size": size})).status == 200


@pytest.mark.parametrize("model", ["gpt-image-1", "dall-e-3", "gpt-image-9"])
async def test_a_model_that_is_gone_is_not_found(model: str, vendor_client: VendorClient) -> None:
    answer = await generate(vendor_client, {**CAT, "model": model})

    assert answer.status == 404
    assert error(answer)["code"] == "model_not_found"


@pytest.mark.parametrize("missing", ["model", "prompt"])
async def test_what_is_required_is_required(missing: str, vendor_client: VendorClient) -> None:
    answer = await generate(vendor_client, {name: value for name, value in CAT.items() if name != missing})

    assert error(answer)["code"] == "missing_required_parameter"


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([], "missing_required_parameter"),
        ([("images", reference("one"), "image/png")], "unknown_parameter"),
        ([("image[0]", reference("one"), "image/png")], "unknown_parameter"),
        ([("image", reference("one"), "image/png")] * 2, "duplicate_parameter"),
        ([("image", reference("one"), "image/png"), png()], "duplicate_parameter"),
        ([("image[]", reference("one"), "application/octet-stream")], "unsupported_image_media_type"),
        ([("image[]", reference("one"), "image/jpeg")], "invalid_image_file"),
        ([("image[]", b"no picture", "image/png")], "invalid_image_file"),
        ([png()] * 17, "array_above_max_length"),
        ([png(), ("mask", reference("mask", (301, 400)), "image/png")], "invalid_image_file"),
        ([png(), ("mask", reference("mask", form="jpeg"), "image/jpeg")], "invalid_image_file"),
    ],
)
async def test_a_bad_form_is_refused(parts: list[Any], code: str, vendor_client: VendorClient) -> None:
    answer = await edit(vendor_client, parts)

    assert answer.status == 400
    assert error(answer)["code"] == code
    assert vendor_client.emulators.purchases() == []


async def test_sixteen_pictures_are_not_too_many(vendor_client: VendorClient) -> None:
    answer = await edit(vendor_client, [png()] * 16)

    assert len(read_card(pictures(answer)[0]).references) == 16


async def test_a_picture_of_50_mb_is_too_large(vendor_client: VendorClient) -> None:
    answer = await edit(vendor_client, [("image[]", reference("one") + bytes(50_000_000), "image/png")])

    assert error(answer)["code"] == "image_too_large"


@pytest.mark.parametrize(
    ("model", "fidelity", "status"),
    [
        ("gpt-image-1.5", "high", 200),
        ("gpt-image-1-mini", "low", 200),
        ("gpt-image-1-mini", "high", 400),
        ("gpt-image-2", "high", 400),
        ("gpt-image-2.6-flare", "low", 400),
    ],
)
async def test_input_fidelity_is_for_the_models_that_have_it(
    model: str, fidelity: str, status: int, vendor_client: VendorClient
) -> None:
    fields = {"model": model, "prompt": "a cat", "input_fidelity": fidelity}

    assert (await edit(vendor_client, [png()], fields)).status == status


@pytest.mark.parametrize(("fault", "stage"), [("moderated", "input"), ("moderated_output", "output")])
async def test_a_refusal_says_at_which_stage_and_costs_nothing(
    fault: str, stage: str, vendor_client: VendorClient
) -> None:
    answer = await generate(vendor_client, {**CAT, "prompt": f"a cat #fault:{fault}=violence"})

    assert answer.status == 400
    assert (error(answer)["code"], error(answer)["type"]) == ("moderation_blocked", "image_generation_user_error")
    assert error(answer)["moderation_details"] == {"moderation_stage": stage, "categories": ["violence"]}
    assert "safety_violations=[violence]" in error(answer)["message"]
    assert vendor_client.emulators.purchases() == []


async def test_data_can_be_empty(vendor_client: VendorClient) -> None:
    answer = await generate(vendor_client, {**CAT, "prompt": "a cat #fault:empty"})

    assert (answer.status, answer.json["data"]) == (200, [])


async def test_the_echo_can_be_wrong(vendor_client: VendorClient) -> None:
    answer = await generate(vendor_client, {**CAT, "prompt": "a cat #fault:wrong_format", "output_format": "webp"})

    assert answer.json["output_format"] == "webp"
    assert read_card(pictures(answer)[0]).format == "png"


@pytest.mark.parametrize(
    ("how", "header", "said"),
    [("header", "retry-after", ""), ("ms", "retry-after-ms", ""), ("text", None, "try again in 7s")],
)
async def test_a_rate_limit_names_its_wait_in_several_ways(
    how: str, header: str | None, said: str, vendor_client: VendorClient
) -> None:
    vendor_client.emulators.faults("openai").add(Fault(FaultKind.RATE_LIMITED, value=7, how=how))

    answer = await generate(vendor_client)

    assert (error(answer)["code"], error(answer)["type"]) == ("rate_limit_exceeded", "input-images")
    assert header in {name for name in answer.headers if name.startswith("retry-after")} | {None}
    assert ("retry-after" in answer.headers) == (how == "header")
    assert said in error(answer)["message"]


@pytest.mark.parametrize(("how", "status"), [("", 429), ("billing_hard_limit_reached", 400)])
async def test_a_dry_account_has_several_codes(how: str, status: int, vendor_client: VendorClient) -> None:
    vendor_client.emulators.faults("openai").add(Fault(FaultKind.QUOTA, how=how))

    answer = await generate(vendor_client)

    assert (answer.status, error(answer)["code"]) == (status, how or "insufficient_quota")


async def test_a_stream_is_partial_pictures_then_the_whole(vendor_client: VendorClient) -> None:
    answer = await generate(vendor_client, {**CAT, "stream": True, "partial_images": 2})

    events = [
        dict(line.split(": ", 1) for line in block.splitlines()) for block in answer.data.decode().split("\n\n")[:-1]
    ]
    reported = [orjson.loads(event["data"]) for event in events]

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [event["event"] for event in events] == [one["type"] for one in reported]
    assert [one["type"] for one in reported] == [
        *["image_generation.partial_image"] * 2,
        "image_generation.completed",
    ]
    assert [one.get("partial_image_index") for one in reported] == [0, 1, None]
    assert read_card(base64.b64decode(reported[-1]["b64_json"])).size == (1024, 1024)


async def test_models_say_when_they_end(vendor_client: VendorClient) -> None:
    answer = await vendor_client.request(
        "GET", f"{vendor_client.emulators.base_url('openai')}/models", vendor_client.headers("openai")
    )

    dates = {one["id"]: one["shutdown_date"] for one in answer.json["data"]}
    assert dates["gpt-image-1.5"] == "2026-12-01"
    assert dates["gpt-image-2"] is None


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/openai/deployments/gpt-image-2/images/generations?api-version=2025-04-01-preview", None, 200),
        ("/openai/deployments/gpt-image-2/images/generations", None, 404),
        ("/openai/deployments/gpt-image-2/images/generations?api-version=2025-04-01-preview", "x", 401),
        ("/openai/v1/images/generations", None, 200),
    ],
)
async def test_azure_has_addresses_and_a_header_of_its_own(
    path: str, key: str | None, status: int, vendor_client: VendorClient
) -> None:
    root = vendor_client.emulators.base_url("openai").removesuffix("/v1")
    headers = {"api-key": key or vendor_client.emulators.key("openai")}

    assert (await vendor_client.request("POST", root + path, headers, json=CAT)).status == status


async def test_azure_words_a_refusal_differently(vendor_client: VendorClient) -> None:
    root = vendor_client.emulators.base_url("openai").removesuffix("/v1")
    body = {**CAT, "prompt": "a cat #fault:moderated"}
    headers = {"api-key": vendor_client.emulators.key("openai")}

    answer = await vendor_client.request("POST", f"{root}/openai/v1/images/generations", headers, json=body)

    assert error(answer)["code"] == "content_policy_violation"
    assert error(answer)["inner_error"]["code"] == "ResponsibleAIPolicyViolation"
