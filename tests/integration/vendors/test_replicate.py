import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from asking import Answer, Asker, data_uri, in_base64, reference
from limner.testing.vendors import Fault, FaultKind, read_card, sha_of

KONTEXT, DEV = "black-forest-labs/flux-kontext-pro", "black-forest-labs/flux-dev"
CAT = {"prompt": "a cat"}
ONE = reference("one")


async def create(asker: Asker, given: Any = CAT, model: str = KONTEXT, prefer: str = "", **body: Any) -> Answer:
    url = f"{asker.street.base_url('replicate')}/v1/models/{model}/predictions"
    headers = asker.headers("replicate") | ({"Prefer": prefer} if prefer else {})
    return await asker.ask("POST", url, headers, json={"input": given, **body})


async def get(asker: Asker, prediction: Any) -> Any:
    return (await asker.ask("GET", prediction["urls"]["get"], asker.headers("replicate"))).json


async def finished(asker: Asker, created: Answer) -> Any:
    while (told := await get(asker, created.json))["status"] not in {"succeeded", "failed", "canceled"}:
        pass
    return told


async def test_a_prediction_starts_runs_and_succeeds(asker: Asker) -> None:
    created = await create(asker)

    told = [await get(asker, created.json) for _ in range(3)]

    assert (created.status, created.json["status"]) == (201, "starting")
    assert [one["status"] for one in told] == ["starting", "processing", "succeeded"]
    assert [one["output"] is None for one in told] == [True, True, False]


async def test_who_waits_gets_the_output_at_once(asker: Asker) -> None:
    created = await create(asker, {**CAT, "input_image": data_uri(ONE), "output_format": "jpg"}, prefer="wait=5")

    card = read_card((await asker.ask("GET", created.json["output"])).data)

    assert created.json["status"] == "succeeded"
    assert (card.references, card.format, card.size) == ((sha_of(ONE),), "jpeg", (880, 1184))


async def test_dev_answers_with_a_list(asker: Asker) -> None:
    told = await finished(asker, await create(asker, {**CAT, "num_outputs": 2, "aspect_ratio": "16:9"}, DEV))

    cards = [read_card((await asker.ask("GET", url)).data) for url in told["output"]]

    assert [card.variant for card in cards] == [0, 1]
    assert {card.format for card in cards} == {"webp"}


@pytest.mark.parametrize("fault", ["moderated", "moderated_output", "failed", "failed=Out_of_memory"])
async def test_a_prediction_can_fail(fault: str, asker: Asker) -> None:
    told = await finished(asker, await create(asker, {"prompt": f"a cat #fault:{fault}"}))

    assert told["status"] == "failed"
    assert ("flagged as sensitive" in told["error"]) == fault.startswith("moderated")
    assert told["output"] is None


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
async def test_a_bad_input_is_a_problem_document(model: str, given: Any, field: str, asker: Asker) -> None:
    answer = await create(asker, given, model)

    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json.keys() == {"type", "title", "status", "detail"}
    assert f"- {field}:" in answer.json["detail"]
    assert asker.street.purchases() == []


async def test_an_unknown_field_beside_the_input_is_refused(asker: Asker) -> None:
    assert (await create(asker, version="x")).status == 422


@pytest.mark.parametrize("prefer", ["wait=0", "wait=61", "respond-async"])
async def test_a_bad_preference_is_refused(prefer: str, asker: Asker) -> None:
    assert (await create(asker, prefer=prefer)).status == 400


async def test_an_unknown_model_or_prediction_is_not_found(asker: Asker) -> None:
    unknown = f"{asker.street.base_url('replicate')}/v1/predictions/none"

    assert (await create(asker, model="a/b")).status == 404
    assert (await asker.ask("GET", unknown, asker.headers("replicate"))).status == 404


async def test_a_rate_limit_tells_its_wait_in_text_or_header(asker: Asker) -> None:
    faults = asker.street.faults("replicate")
    faults.add(Fault(FaultKind.RATE_LIMITED, value=7), Fault(FaultKind.RATE_LIMITED, value=7, how="text", at=2))

    by_header, by_text = await create(asker), await create(asker)

    assert by_header.headers["retry-after"] == "7"
    assert "in 7 seconds" in by_text.json["detail"]


async def test_a_prediction_can_be_cancelled(asker: Asker) -> None:
    created = await create(asker)

    cancelled = await asker.ask("POST", created.json["urls"]["cancel"], asker.headers("replicate"))

    assert cancelled.json["status"] == "canceled"
    assert (await get(asker, created.json))["status"] == "canceled"


async def test_a_strange_status_passes(asker: Asker) -> None:
    created = await create(asker, {"prompt": "a cat #fault:unknown_status=booting"})

    assert (await get(asker, created.json))["status"] == "booting"
    assert (await finished(asker, created))["status"] == "succeeded"


async def test_a_token_shown_to_the_delivery_host_is_a_violation(asker: Asker) -> None:
    told = await finished(asker, await create(asker))

    assert (await asker.ask("GET", told["output"], asker.headers("replicate"))).status == 400
    assert len(asker.street.violations("replicate")) == 1


async def test_a_webhook_tells_the_events_that_were_asked_for(asker: Asker) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def hear(request: web.Request) -> web.Response:
        await heard.put(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hear)
    async with TestServer(app) as server:
        hook = str(server.make_url("/hook"))
        created = await create(asker, webhook=hook, webhook_events_filter=["completed"])
        told = await heard.get()

    assert (told["id"], told["status"]) == (created.json["id"], "succeeded")
    assert heard.empty()
