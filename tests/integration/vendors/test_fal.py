import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from limner_vendors import Fault, FaultKind, NoCard, read_card, sha_of
from vendor_client import VendorAnswer, VendorClient, data_uri, in_base64, reference

ONE = "fal-ai/flux-pro/kontext"
SEVERAL = "fal-ai/flux-pro/kontext/max/multi"
DEV = "fal-ai/flux/dev"
CAT = {"prompt": "a cat"}


async def submit(vendor_client: VendorClient, model: str = DEV, body: Any = CAT, query: str = "") -> VendorAnswer:
    return await vendor_client.request(
        "POST", f"{vendor_client.emulators.base_url('fal')}/{model}{query}", vendor_client.headers("fal"), json=body
    )


async def get(vendor_client: VendorClient, url: str) -> VendorAnswer:
    return await vendor_client.request("GET", url, vendor_client.headers("fal"))


async def finished(vendor_client: VendorClient, submitted: VendorAnswer) -> VendorAnswer:
    while (reported := await get(vendor_client, submitted.json["status_url"])).status == 202:
        pass
    return reported


async def result(vendor_client: VendorClient, submitted: VendorAnswer) -> VendorAnswer:
    await finished(vendor_client, submitted)
    return await get(vendor_client, submitted.json["response_url"])


async def test_a_request_waits_runs_and_is_completed(vendor_client: VendorClient) -> None:
    submitted = await submit(vendor_client)

    reported = [await get(vendor_client, submitted.json["status_url"]) for _ in range(3)]

    assert submitted.json["status"] == "IN_QUEUE"
    assert [(one.status, one.json["status"]) for one in reported] == [
        (202, "IN_QUEUE"),
        (202, "IN_PROGRESS"),
        (200, "COMPLETED"),
    ]


async def test_addresses_drop_the_sub_path(vendor_client: VendorClient) -> None:
    submitted = (await submit(vendor_client, SEVERAL, {**CAT, "image_urls": [data_uri(reference("one"))]})).json

    root = f"{vendor_client.emulators.base_url('fal')}/fal-ai/flux-pro/requests/{submitted['request_id']}"
    assert submitted["response_url"] == root
    assert submitted["status_url"] == f"{root}/status"
    built = f"{vendor_client.emulators.base_url('fal')}/{SEVERAL}/requests/{submitted['request_id']}/status"
    assert (await get(vendor_client, built)).status in {404, 405}


async def test_references_keep_their_order(vendor_client: VendorClient) -> None:
    pictures = [reference(name) for name in "cab"]
    body = {**CAT, "image_urls": [data_uri(picture) for picture in pictures], "aspect_ratio": "1:1"}

    answer = await result(vendor_client, await submit(vendor_client, SEVERAL, body))

    [image] = answer.json["images"]
    card = read_card((await vendor_client.request("GET", image["url"])).data)
    assert card.references == tuple(sha_of(picture) for picture in pictures)
    assert card.size == (image["width"], image["height"]) == (1024, 1024)
    assert answer.json["has_nsfw_concepts"] == [False]
    assert image["content_type"] == "image/jpeg"


async def test_a_failed_run_is_completed_with_an_error(vendor_client: VendorClient) -> None:
    submitted = await submit(vendor_client, body={"prompt": "a cat #fault:failed"})

    reported = await finished(vendor_client, submitted)
    answer = await result(vendor_client, submitted)

    assert (reported.status, reported.json["status"], reported.json["error_type"]) == (
        200,
        "COMPLETED",
        "internal_server_error",
    )
    assert answer.status == 500
    assert answer.headers["x-fal-error-type"] == "internal_server_error"


async def test_a_moderated_prompt_is_completed_with_an_error(vendor_client: VendorClient) -> None:
    answer = await result(vendor_client, await submit(vendor_client, body={"prompt": "a cat #fault:moderated"}))

    assert answer.status == 422
    assert answer.json["detail"][0]["type"] == "content_policy_violation"


async def test_a_flagged_picture_is_black_and_said_to_be(vendor_client: VendorClient) -> None:
    answer = await result(vendor_client, await submit(vendor_client, body={"prompt": "a cat #fault:moderated_output"}))

    picture = (await vendor_client.request("GET", answer.json["images"][0]["url"])).data
    assert answer.json["has_nsfw_concepts"] == [True]
    assert read_card(picture).size == (1024, 768)


async def test_a_result_too_early_is_refused(vendor_client: VendorClient) -> None:
    submitted = await submit(vendor_client)

    assert (await get(vendor_client, submitted.json["response_url"])).status == 400


@pytest.mark.parametrize(
    ("model", "body", "field"),
    [
        (DEV, {}, "prompt"),
        (DEV, {**CAT, "width": 512}, "width"),
        (DEV, {**CAT, "image_size": "huge"}, "image_size"),
        (DEV, {**CAT, "image_size": {"width": 512}}, "image_size"),
        (DEV, {**CAT, "num_images": 5}, "num_images"),
        (ONE, CAT, "image_url"),
        (ONE, {**CAT, "image_url": in_base64(reference("one"))}, "image_url"),
        (ONE, {**CAT, "image_url": "data:image/png;base64,aGVsbG8="}, "image_url"),
        (ONE, {**CAT, "image_urls": [data_uri(reference("one"))]}, "image_url"),
        (SEVERAL, {**CAT, "image_urls": [data_uri(reference("one"))] * 5}, "image_urls"),
        (SEVERAL, {**CAT, "image_urls": []}, "image_urls"),
    ],
)
async def test_a_bad_request_is_refused_by_its_field(
    model: str, body: Any, field: str, vendor_client: VendorClient
) -> None:
    answer = await submit(vendor_client, model, body)

    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body", field]
    assert answer.headers["x-fal-error-type"]
    assert vendor_client.emulators.purchases() == []


async def test_an_unknown_model_is_not_found(vendor_client: VendorClient) -> None:
    assert (await submit(vendor_client, "fal-ai/flux-9")).status == 404


@pytest.mark.parametrize(("asked", "size"), [("square_hd", (1024, 1024)), ({"width": 512, "height": 768}, (512, 768))])
async def test_sizes_have_names_or_numbers(asked: Any, size: tuple[int, int], vendor_client: VendorClient) -> None:
    answer = await result(
        vendor_client, await submit(vendor_client, body={**CAT, "image_size": asked, "output_format": "png"})
    )

    card = read_card((await vendor_client.request("GET", answer.json["images"][0]["url"])).data)
    assert (card.size, card.format) == (size, "png")


async def test_a_key_shown_to_the_delivery_host_is_a_violation(vendor_client: VendorClient) -> None:
    answer = await result(vendor_client, await submit(vendor_client))

    assert (await get(vendor_client, answer.json["images"][0]["url"])).status == 400
    assert len(vendor_client.emulators.violations("fal")) == 1


async def test_a_request_can_be_cancelled_until_it_is_done(vendor_client: VendorClient) -> None:
    running, done = await submit(vendor_client), await submit(vendor_client)
    await finished(vendor_client, done)

    stopped = [
        await vendor_client.request("PUT", submitted.json["cancel_url"], vendor_client.headers("fal"))
        for submitted in (running, done)
    ]

    assert [(one.status, one.json["status"]) for one in stopped] == [
        (202, "CANCELLATION_REQUESTED"),
        (400, "ALREADY_COMPLETED"),
    ]


async def test_polls_can_fail_or_not_find(vendor_client: VendorClient) -> None:
    vendor_client.emulators.faults("fal").add(Fault(FaultKind.NOT_FOUND), Fault(FaultKind.UNAVAILABLE, on="poll"))
    submitted = await submit(vendor_client)

    statuses = [(await get(vendor_client, submitted.json["status_url"])).status for _ in range(3)]

    assert statuses == [404, 503, 202]


@pytest.mark.parametrize(("word", "status"), [("", "OK"), (" #fault:failed", "ERROR")])
async def test_a_webhook_reports_the_end(word: str, status: str, vendor_client: VendorClient) -> None:
    received: asyncio.Queue[Any] = asyncio.Queue()

    async def on_message(request: web.Request) -> web.Response:
        await received.put(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", on_message)
    async with TestServer(app) as server:
        body = {"prompt": f"a cat{word}"}
        submitted = await submit(vendor_client, body=body, query=f"?fal_webhook={server.make_url('/hook')}")
        reported = await received.get()

    assert (reported["status"], reported["request_id"]) == (status, submitted.json["request_id"])
    assert bool(reported["payload"]) == (status == "OK")


async def test_a_broken_picture_is_broken(vendor_client: VendorClient) -> None:
    answer = await result(vendor_client, await submit(vendor_client, body={"prompt": "a cat #fault:undecodable"}))

    with pytest.raises(NoCard):
        read_card((await vendor_client.request("GET", answer.json["images"][0]["url"])).data)
