import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from limner_vendors import Fault, FaultKind, read_card, sha_of
from vendor_client import VendorAnswer, VendorClient, data_uri, in_base64, reference

KONTEXT, DEV = "black-forest-labs/flux-kontext-pro", "black-forest-labs/flux-dev"
CAT = {"prompt": "a cat"}
ONE = reference("one")


async def create(
    vendor_client: VendorClient, given: Any = CAT, model: str = KONTEXT, prefer: str = "", **body: Any
) -> VendorAnswer:
    url = f"{vendor_client.emulators.base_url('replicate')}/v1/models/{model}/predictions"
    headers = vendor_client.headers("replicate") | ({"Prefer": prefer} if prefer else {})
    return await vendor_client.request("POST", url, headers, json={"input": given, **body})


async def get(vendor_client: VendorClient, prediction: Any) -> Any:
    return (await vendor_client.request("GET", prediction["urls"]["get"], vendor_client.headers("replicate"))).json


async def finished(vendor_client: VendorClient, created: VendorAnswer) -> Any:
    while (reported := await get(vendor_client, created.json))["status"] not in {"succeeded", "failed", "canceled"}:
        pass
    return reported


async def test_a_prediction_starts_runs_and_succeeds(vendor_client: VendorClient) -> None:
    created = await create(vendor_client)

    reported = [await get(vendor_client, created.json) for _ in range(3)]

    assert (created.status, created.json["status"]) == (201, "starting")
    assert [one["status"] for one in reported] == ["starting", "processing", "succeeded"]
    assert [one["output"] is None for one in reported] == [True, True, False]


async def test_who_waits_gets_the_output_at_once(vendor_client: VendorClient) -> None:
    created = await create(
        vendor_client, {**CAT, "input_image": data_uri(ONE), "output_format": "jpg"}, prefer="wait=5"
    )

    card = read_card((await vendor_client.request("GET", created.json["output"])).data)

    assert created.json["status"] == "succeeded"
    assert (card.references, card.format, card.size) == ((sha_of(ONE),), "jpeg", (880, 1184))


async def test_dev_answers_with_a_list(vendor_client: VendorClient) -> None:
    reported = await finished(
        vendor_client, await create(vendor_client, {**CAT, "num_outputs": 2, "aspect_ratio": "16:9"}, DEV)
    )

    cards = [read_card((await vendor_client.request("GET", url)).data) for url in reported["output"]]

    assert [card.variant for card in cards] == [0, 1]
    assert {card.format for card in cards} == {"webp"}


@pytest.mark.parametrize("fault", ["moderated", "moderated_output", "failed", "failed=Out_of_memory"])
async def test_a_prediction_can_fail(fault: str, vendor_client: VendorClient) -> None:
    reported = await finished(vendor_client, await create(vendor_client, {"prompt": f"a cat #fault:{fault}"}))

    assert reported["status"] == "failed"
    assert ("flagged as sensitive" in reported["error"]) == fault.startswith("moderated")
    assert reported["output"] is None


@pytest.mark.parametrize(
    ("model", "given", "field"),
    [
        (KONTEXT, {}, "input.prompt"),
        (KONTEXT, {**CAT, "width": 512}, "input.width"),
        (KONTEXT, {**CAT, "output_format": "jpeg"}, "input.output_format"),
        (KONTEXT, {**CAT, "aspect_ratio": "7:5"}, "input.aspect_ratio"),
        (KONTEXT, {**CAT, "input_image": in_base64(ONE)}, "input.input_image"),
        (KONTEXT, {**CAT, "input_image": [data_uri(ONE)]}, "input.input_image"),
        (KONTEXT, {**CAT, "input_image": "data:image/png;base64,aGVsbG8="}, "input.input_image"),
        (KONTEXT, {**CAT, "input_image": data_uri(ONE), "safety_tolerance": 3}, "input.safety_tolerance"),
        (DEV, {**CAT, "input_image": data_uri(ONE)}, "input.input_image"),
    ],
)
async def test_a_bad_input_is_a_problem_document(
    model: str, given: Any, field: str, vendor_client: VendorClient
) -> None:
    answer = await create(vendor_client, given, model)

    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json.keys() == {"type", "title", "status", "detail"}
    assert f"- {field}:" in answer.json["detail"]
    assert vendor_client.emulators.purchases() == []


async def test_an_unknown_field_beside_the_input_is_refused(vendor_client: VendorClient) -> None:
    assert (await create(vendor_client, version="x")).status == 422


@pytest.mark.parametrize("prefer", ["wait=0", "wait=61", "respond-async"])
async def test_a_bad_preference_is_refused(prefer: str, vendor_client: VendorClient) -> None:
    assert (await create(vendor_client, prefer=prefer)).status == 400


async def test_an_unknown_model_or_prediction_is_not_found(vendor_client: VendorClient) -> None:
    unknown = f"{vendor_client.emulators.base_url('replicate')}/v1/predictions/none"

    assert (await create(vendor_client, model="a/b")).status == 404
    assert (await vendor_client.request("GET", unknown, vendor_client.headers("replicate"))).status == 404


async def test_a_rate_limit_names_its_wait_in_text_or_header(vendor_client: VendorClient) -> None:
    faults = vendor_client.emulators.faults("replicate")
    faults.add(Fault(FaultKind.RATE_LIMITED, value=7), Fault(FaultKind.RATE_LIMITED, value=7, how="text", at=2))

    by_header, by_text = await create(vendor_client), await create(vendor_client)

    assert by_header.headers["retry-after"] == "7"
    assert "in 7 seconds" in by_text.json["detail"]


async def test_a_prediction_can_be_cancelled(vendor_client: VendorClient) -> None:
    created = await create(vendor_client)

    cancelled = await vendor_client.request("POST", created.json["urls"]["cancel"], vendor_client.headers("replicate"))

    assert cancelled.json["status"] == "canceled"
    assert (await get(vendor_client, created.json))["status"] == "canceled"


async def test_a_strange_status_passes(vendor_client: VendorClient) -> None:
    created = await create(vendor_client, {"prompt": "a cat #fault:unknown_status=booting"})

    assert (await get(vendor_client, created.json))["status"] == "booting"
    assert (await finished(vendor_client, created))["status"] == "succeeded"


async def test_a_token_shown_to_the_delivery_host_is_a_violation(vendor_client: VendorClient) -> None:
    reported = await finished(vendor_client, await create(vendor_client))

    assert (await vendor_client.request("GET", reported["output"], vendor_client.headers("replicate"))).status == 400
    assert len(vendor_client.emulators.violations("replicate")) == 1


async def test_a_webhook_reports_the_requested_events(vendor_client: VendorClient) -> None:
    received: asyncio.Queue[Any] = asyncio.Queue()

    async def on_message(request: web.Request) -> web.Response:
        await received.put(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", on_message)
    async with TestServer(app) as server:
        hook = str(server.make_url("/hook"))
        created = await create(vendor_client, webhook=hook, webhook_events_filter=["completed"])
        reported = await received.get()

    assert (reported["id"], reported["status"]) == (created.json["id"], "succeeded")
    assert received.empty()
