import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from limner_vendors import EmulatedSpeed, Fault, FaultKind, Vendors, read_card, sha_of
from vendor_client import VendorAnswer, VendorClient, data_uri, in_base64, reference

CAT = {"prompt": "a cat"}


async def submit(vendor_client: VendorClient, body: Any = CAT, model: str = "flux-kontext-pro") -> VendorAnswer:
    return await vendor_client.request(
        "POST", f"{vendor_client.emulators.base_url('bfl')}/v1/{model}", vendor_client.headers("bfl"), json=body
    )


async def poll(vendor_client: VendorClient, job: VendorAnswer) -> Any:
    return (await vendor_client.request("GET", job.json["polling_url"], vendor_client.headers("bfl"))).json


async def finished(vendor_client: VendorClient, job: VendorAnswer) -> Any:
    while (reported := await poll(vendor_client, job))["status"] == "Pending":
        pass
    return reported


async def delivered(vendor_client: VendorClient, job: VendorAnswer) -> bytes:
    reported = await finished(vendor_client, job)
    return (await vendor_client.request("GET", reported["result"]["sample"])).data


async def test_a_job_is_pending_with_progress_then_ready(vendor_client: VendorClient) -> None:
    job = await submit(vendor_client)

    reported = [await poll(vendor_client, job) for _ in range(3)]

    assert [one["status"] for one in reported] == ["Pending", "Pending", "Ready"]
    assert reported[0]["progress"] < reported[1]["progress"] < 1
    assert job.json["cost"] == 4.0


async def test_the_picture_carries_prompt_references_in_order_and_shape(vendor_client: VendorClient) -> None:
    first, second = reference("first"), reference("second", form="jpeg")
    body = {**CAT, "input_image_2": in_base64(second), "input_image": data_uri(first), "aspect_ratio": "16:9"}

    card = read_card(await delivered(vendor_client, await submit(vendor_client, body)))

    assert card.prompt_sha == sha_of("a cat")
    assert card.references == (sha_of(first), sha_of(second))
    assert (card.size, card.format) == ((1392, 752), "png")


async def test_without_a_ratio_the_first_input_gives_the_shape(vendor_client: VendorClient) -> None:
    body = {**CAT, "input_image": in_base64(reference("tall", (300, 600)))}

    assert read_card(await delivered(vendor_client, await submit(vendor_client, body))).size == (720, 1456)


async def test_three_hosts_are_three(vendor_client: VendorClient) -> None:
    job = await submit(vendor_client)
    reported = await finished(vendor_client, job)

    hosts = {url.split("/")[2].split(":")[0] for url in (job.json["polling_url"], reported["result"]["sample"])}

    assert hosts == {"127.0.0.2", "127.0.0.3"}
    assert "//127.0.0.1:" in vendor_client.emulators.base_url("bfl")


async def test_the_submit_host_knows_no_jobs(vendor_client: VendorClient) -> None:
    job = await submit(vendor_client)
    built = f"{vendor_client.emulators.base_url('bfl')}/v1/get_result?id={job.json['id']}"

    assert (await vendor_client.request("GET", built, vendor_client.headers("bfl"))).json["status"] == "Task not found"


@pytest.mark.parametrize("vendor_key", ["bfl", "openai", "gemini", "midjourney"])
async def test_a_key_shown_to_the_delivery_host_is_a_violation(vendor_key: str, vendor_client: VendorClient) -> None:
    sample = (await finished(vendor_client, await submit(vendor_client)))["result"]["sample"]

    answer = await vendor_client.request("GET", sample, vendor_client.headers(vendor_key))

    assert answer.status == 400
    assert [one.rule for one in vendor_client.emulators.violations("bfl")] == ["key sent to a delivery host"]
    assert (await vendor_client.request("GET", sample)).status == 200


@pytest.mark.parametrize("change", [("sig=", "sig=0"), ("se=1", "se=2"), ("/results/", "/results/x")])
async def test_a_link_with_another_signature_is_forbidden(change: tuple[str, str], vendor_client: VendorClient) -> None:
    sample = (await finished(vendor_client, await submit(vendor_client)))["result"]["sample"]

    assert (await vendor_client.request("GET", sample.replace(*change))).status == 403


async def test_a_dead_link_is_forbidden_and_the_next_poll_gives_another(vendor_client: VendorClient) -> None:
    job = await submit(vendor_client, {"prompt": "a cat #fault:expired_link"})
    dead = (await finished(vendor_client, job))["result"]["sample"]
    alive = (await finished(vendor_client, job))["result"]["sample"]

    assert (await vendor_client.request("GET", dead)).status == 403
    assert (await vendor_client.request("GET", alive)).status == 200


@pytest.mark.parametrize(
    ("fault", "status", "charged"),
    [
        ("moderated", "Request Moderated", False),
        ("moderated_output", "Content Moderated", True),
        ("failed", "Error", False),
        ("failed=Failed", "Failed", False),
    ],
)
async def test_a_job_can_end_badly(fault: str, status: str, *, charged: bool, vendor_client: VendorClient) -> None:
    reported = await finished(vendor_client, await submit(vendor_client, {"prompt": f"a cat #fault:{fault}"}))

    assert reported["status"] == status
    assert reported["result"] is None
    assert vendor_client.emulators.purchases("bfl")[0].charged == charged


@pytest.mark.parametrize(("fault", "status"), [("not_found", "Task not found"), ("unknown_status=Brewing", "Brewing")])
async def test_a_strange_status_passes(fault: str, status: str, vendor_client: VendorClient) -> None:
    job = await submit(vendor_client, {"prompt": f"a cat #fault:{fault}"})

    assert (await poll(vendor_client, job))["status"] == status
    assert (await finished(vendor_client, job))["status"] == "Ready"


async def test_an_unknown_job_is_not_found(vendor_client: VendorClient) -> None:
    job = await submit(vendor_client)
    other = f"{job.json['polling_url']}x"

    assert (await vendor_client.request("GET", other, vendor_client.headers("bfl"))).json["status"] == "Task not found"


@pytest.mark.parametrize("fault", ["undecodable", "undecodable=truncated", "undecodable=html"])
async def test_a_picture_can_be_broken(fault: str, vendor_client: VendorClient) -> None:
    data = await delivered(vendor_client, await submit(vendor_client, {"prompt": f"a cat #fault:{fault}"}))

    with pytest.raises(ValueError, match="no card"):
        read_card(data)


async def test_a_picture_can_be_of_another_format_than_announced(vendor_client: VendorClient) -> None:
    data = await delivered(vendor_client, await submit(vendor_client, {"prompt": "a cat #fault:wrong_format"}))

    assert read_card(data).format == "jpeg"


@pytest.mark.parametrize(
    ("model", "body", "field"),
    [
        ("flux-kontext-pro", {}, "prompt"),
        ("flux-kontext-pro", {**CAT, "n": 1}, "n"),
        ("flux-kontext-pro", {**CAT, "width": 1024}, "width"),
        ("flux-kontext-pro", {**CAT, "negative_prompt": "dog"}, "negative_prompt"),
        ("flux-kontext-pro", {**CAT, "aspect_ratio": "3:1"}, "aspect_ratio"),
        ("flux-kontext-pro", {**CAT, "aspect_ratio": "wide"}, "aspect_ratio"),
        ("flux-kontext-pro", {**CAT, "safety_tolerance": 7}, "safety_tolerance"),
        ("flux-kontext-pro", {**CAT, "output_format": "gif"}, "output_format"),
        ("flux-kontext-pro", {**CAT, "seed": "7"}, "seed"),
        ("flux-kontext-pro", {**CAT, "input_image": "not base64!"}, "input_image"),
        ("flux-kontext-pro", {**CAT, "input_image": in_base64(b"no picture")}, "input_image"),
        ("flux-kontext-pro", {**CAT, "input_image": in_base64(reference("small", (255, 400)))}, "input_image"),
        ("flux-kontext-pro", {**CAT, "input_image_5": in_base64(reference("fifth"))}, "input_image_5"),
        ("flux-kontext-pro", {**CAT, "webhook_url": "http://example.org/hook"}, "webhook_url"),
        ("flux-dev", {**CAT, "width": 1000}, "width"),
        ("flux-dev", {**CAT, "height": 1472}, "height"),
        ("flux-dev", {**CAT, "steps": 51}, "steps"),
        ("flux-dev", {**CAT, "input_image": in_base64(reference("one"))}, "input_image"),
        ("flux-2-pro", {**CAT, "width": 1000}, "width"),
        ("flux-2-pro", {**CAT, "width": 4096, "height": 2048}, "width"),
        ("flux-2-klein-4b", {**CAT, "input_image_5": in_base64(reference("fifth"))}, "input_image_5"),
        ("flux-3-image", {**CAT, "seed": 1}, "seed"),
        ("flux-3-image", {**CAT, "output_format": "png"}, "output_format"),
    ],
)
async def test_a_bad_request_is_refused_as_fastapi_does(
    model: str, body: Any, field: str, vendor_client: VendorClient
) -> None:
    answer = await submit(vendor_client, body, model)

    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body", field]
    assert answer.json["detail"][0].keys() == {"loc", "msg", "type"}
    assert vendor_client.emulators.purchases() == []


@pytest.mark.parametrize(
    ("model", "body", "size"),
    [
        ("flux-dev", {"width": 512, "height": 768, "steps": 28, "guidance": 3.0}, (512, 768)),
        ("flux-2-pro", {"width": 1280, "height": 720, "disable_pup": True}, (1280, 720)),
        ("flux-3-image", {"aspect_ratio": "16:9", "resolution": "1k", "grounding": False}, (1360, 768)),
    ],
)
async def test_the_other_models_are_there(
    model: str, body: Any, size: tuple[int, int], vendor_client: VendorClient
) -> None:
    card = read_card(await delivered(vendor_client, await submit(vendor_client, {**CAT, **body}, model)))

    assert (card.size, card.model) == (size, model)


async def test_an_unknown_model_is_not_found(vendor_client: VendorClient) -> None:
    assert (await submit(vendor_client, CAT, "flux-9")).status == 404


async def test_the_25th_unfinished_job_is_too_many_until_one_is_done(vendor_client: VendorClient) -> None:
    jobs = [await submit(vendor_client) for _ in range(24)]
    refused = await submit(vendor_client)
    await finished(vendor_client, jobs[0])

    assert refused.status == 429
    assert refused.headers["retry-after"]
    assert (await submit(vendor_client)).status == 200


async def test_credits_are_used_up(vendor_client: VendorClient) -> None:
    vendor_client.emulators.emulator("bfl").credits = 5.0  # type: ignore[attr-defined]

    assert (await submit(vendor_client)).status == 200
    assert (await submit(vendor_client)).status == 402


@pytest.mark.parametrize(
    ("how", "where"), [("header", "retry-after"), ("body", "retry_after"), ("text", "Too Many Requests")]
)
async def test_a_rate_limit_names_its_wait_in_several_ways(how: str, where: str, vendor_client: VendorClient) -> None:
    vendor_client.emulators.faults("bfl").add(Fault(FaultKind.RATE_LIMITED, value=7, how=how))

    answer = await submit(vendor_client)

    assert answer.status == 429
    assert ("retry-after" in answer.headers) == (how == "header")
    assert where in (answer.headers if how == "header" else answer.data.decode())


async def test_polling_and_delivery_can_fail_too(vendor_client: VendorClient) -> None:
    vendor_client.emulators.faults("bfl").add(
        Fault(FaultKind.UNAVAILABLE, on="poll"), Fault(FaultKind.SERVER_ERROR, on="delivery")
    )
    job = await submit(vendor_client)

    polled = await vendor_client.request("GET", job.json["polling_url"], vendor_client.headers("bfl"))
    sample = (await finished(vendor_client, job))["result"]["sample"]

    assert polled.status == 503
    assert [(await vendor_client.request("GET", sample)).status for _ in range(2)] == [500, 200]


async def test_a_webhook_brings_the_result_signed_and_as_often_as_scripted(vendor_client: VendorClient) -> None:
    received: asyncio.Queue[tuple[dict[str, str], Any]] = asyncio.Queue()

    async def on_message(request: web.Request) -> web.Response:
        await received.put((dict(request.headers), await request.json()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", on_message)
    async with TestServer(app) as server:
        body = {
            "prompt": "a cat #fault:duplicate_webhook",
            "webhook_url": str(server.make_url("/hook")),
            "webhook_secret": "s",
        }
        submitted = await submit(vendor_client, body)
        first, second = await received.get(), await received.get()

    assert "polling_url" not in submitted.json
    assert first[1]["status"] == "Ready"
    assert first[1]["id"] == submitted.json["id"]
    assert first[0]["X-BFL-Signature"].startswith("sha256=")
    assert second[1]["id"] == first[1]["id"]


async def test_a_webhook_that_was_refused_comes_again(vendor_client: VendorClient) -> None:
    answers = iter([500, 500, 200])
    received: asyncio.Queue[int] = asyncio.Queue()

    async def on_message(_: web.Request) -> web.Response:
        status = next(answers)
        await received.put(status)
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/hook", on_message)
    async with TestServer(app) as server:
        await submit(vendor_client, {**CAT, "webhook_url": str(server.make_url("/hook"))})

        assert [await received.get() for _ in range(3)] == [500, 500, 200]


async def test_a_pace_gives_jobs_their_time() -> None:
    async with (
        Vendors.running(["bfl"], speed=EmulatedSpeed(seconds=3600, pending=0)) as emulators,
        aiohttp.ClientSession() as session,
    ):
        vendor_client = VendorClient(emulators, session)
        job = await submit(vendor_client)

        assert [(await poll(vendor_client, job))["status"] for _ in range(5)] == ["Pending"] * 5
