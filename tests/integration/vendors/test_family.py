"""What every emulator does alike."""

import asyncio
import sys
from pathlib import Path

import aiohttp
import orjson
import pytest

from limner_vendors import NAMES, EmulatedSpeed, Fault, FaultKind, UnknownVendor, Vendors
from vendor_client import SMALLEST, VendorClient

KEYED = [name for name in NAMES if name not in {"sglang", "vllm"}]
every = pytest.mark.parametrize("vendor", NAMES)

ENGINE_FIELDS = ("ADAPTER", "BASE_URL", "OPTIONS")
"""A server of one's own has no variables by its name, so it is configured as a provider."""

NO_DEATHS = {"midjourney": {200}}
"""midjourney-proxy says most of its refusals with HTTP 200 and a code."""


def test_every_emulator_is_tried_here() -> None:
    assert SMALLEST.keys() == set(NAMES)


@every
async def test_the_smallest_good_request_is_accepted_and_recorded_as_a_purchase(
    vendor: str, vendor_client: VendorClient
) -> None:
    answer = await vendor_client.buy(vendor, "a cat")

    [purchase] = vendor_client.emulators.purchases()
    assert answer.status in {200, 201}
    assert (purchase.vendor, purchase.prompt, purchase.references) == (vendor, "a cat", ())
    assert purchase.charged


@pytest.mark.parametrize("vendor", KEYED)
@pytest.mark.parametrize("key", ["", "another"])
async def test_without_the_right_key_nothing_is_sold(vendor: str, key: str, vendor_client: VendorClient) -> None:
    answer = await vendor_client.buy(vendor, "a cat", headers=vendor_client.headers(vendor, key) if key else {})

    assert answer.status in ({400, 403} if vendor == "gemini" else {401, 403})
    assert vendor_client.emulators.purchases() == []


@every
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (FaultKind.RATE_LIMITED, 429),
        (FaultKind.UNAUTHORIZED, 401),
        (FaultKind.FORBIDDEN, 403),
        (FaultKind.MODEL_GONE, 404),
        (FaultKind.SERVER_ERROR, 500),
        (FaultKind.BAD_GATEWAY, 502),
        (FaultKind.UNAVAILABLE, 503),
        (FaultKind.TIMEOUT, 504),
    ],
)
async def test_a_scripted_refusal_sells_nothing_and_is_over_with_the_next_request(
    vendor: str, kind: FaultKind, status: int, vendor_client: VendorClient
) -> None:
    vendor_client.emulators.faults(vendor).add(Fault(kind))

    refused = await vendor_client.buy(vendor, "a cat")
    sold = await vendor_client.buy(vendor, "a cat")

    assert refused.status in {status} | NO_DEATHS.get(vendor, set())
    assert refused.data != sold.data
    assert sold.status in {200, 201}
    assert len(vendor_client.emulators.purchases()) == 1


@every
async def test_an_account_can_run_dry(vendor: str, vendor_client: VendorClient) -> None:
    answer = await vendor_client.buy(vendor, "a cat #fault:quota")

    assert answer.status in {402, 403, 429} | NO_DEATHS.get(vendor, set())
    assert vendor_client.emulators.purchases() == []


@every
@pytest.mark.parametrize("kind", [FaultKind.LOST_ANSWER, FaultKind.CUT_HEADERS, FaultKind.CUT_BODY])
async def test_a_request_without_a_response_is_charged(
    vendor: str, kind: FaultKind, vendor_client: VendorClient
) -> None:
    vendor_client.emulators.faults(vendor).add(Fault(kind))

    with pytest.raises(aiohttp.ClientError):
        await vendor_client.buy(vendor, "a cat")

    assert len(await vendor_client.emulators.until_bought(1, vendor)) == 1


@every
async def test_a_reset_connection_is_not_charged(vendor: str, vendor_client: VendorClient) -> None:
    vendor_client.emulators.faults(vendor).add(Fault(FaultKind.RESET))

    with pytest.raises(aiohttp.ClientError):
        await vendor_client.buy(vendor, "a cat")

    assert vendor_client.emulators.purchases() == []


@every
async def test_faults_and_purchases_are_reached_over_http(vendor: str, vendor_client: VendorClient) -> None:
    root = vendor_client.emulators.base_url(vendor).removesuffix("/v1")
    scripted = await vendor_client.request("POST", f"{root}/_emulator/faults", json={"kind": "bad_gateway"})
    shown = await vendor_client.request("GET", f"{root}/_emulator/faults")
    refused = await vendor_client.buy(vendor, "a cat")
    await vendor_client.buy(vendor, "a dog")

    bought = await vendor_client.request("GET", f"{root}/_emulator/purchases")
    broken = await vendor_client.request("GET", f"{root}/_emulator/violations")

    assert scripted.status == 201
    assert shown.json["faults"][0]["kind"] == "bad_gateway"
    assert refused.status == 502
    assert [one["prompt"] for one in bought.json["purchases"]] == ["a dog"]
    assert broken.json == {"violations": []}


@every
async def test_a_script_can_be_forgotten(vendor: str, vendor_client: VendorClient) -> None:
    root = vendor_client.emulators.base_url(vendor).removesuffix("/v1")
    vendor_client.emulators.faults(vendor).add(Fault(FaultKind.UNAVAILABLE, times=None))

    forgotten = await vendor_client.request("DELETE", f"{root}/_emulator/faults")

    assert forgotten.json == {"faults": []}
    assert (await vendor_client.buy(vendor, "a cat")).status in {200, 201}


@every
@pytest.mark.parametrize("body", [b"{", b"7", b'{"kind":"nonsense"}', b'[{"kind":"slow","at":"soon","x":1}]'])
async def test_a_bad_script_is_refused(vendor: str, body: bytes, vendor_client: VendorClient) -> None:
    root = vendor_client.emulators.base_url(vendor).removesuffix("/v1")

    assert (await vendor_client.request("POST", f"{root}/_emulator/faults", data=body)).status == 400


@every
async def test_a_misspelt_fault_word_is_reported(vendor: str, vendor_client: VendorClient) -> None:
    answer = await vendor_client.buy(vendor, "a cat #fault:moderatd")

    assert answer.status == 400
    assert b"moderatd" in answer.data


async def test_a_slow_answer_waits_for_its_time(vendor_client: VendorClient) -> None:
    waiting = asyncio.create_task(vendor_client.buy("bfl", "a cat #fault:slow=60"))
    await vendor_client.emulators.faults("bfl").until_asked(1)
    other = await vendor_client.buy("bfl", "a dog")

    assert other.status == 200
    assert not waiting.done()
    waiting.cancel()


async def test_only_those_that_are_named_are_started() -> None:
    async with Vendors.running(["gemini"]) as emulators:
        assert emulators.names == ("gemini",)
        assert emulators.environment().keys() == {"GEMINI_API_KEY", "GEMINI_BASE_URL"}
        with pytest.raises(UnknownVendor):
            emulators.base_url("bfl")


async def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UnknownVendor, match="'dalle'"):
        async with Vendors.running(["dalle"]):
            pass


async def test_the_environment_points_at_every_vendor(emulators: Vendors) -> None:
    environment = emulators.environment()

    assert environment["BFL_BASE_URL"] == emulators.base_url("bfl")
    assert environment["OPENAI_BASE_URL"].endswith("/v1")
    assert environment["BFL_POLLING_HOSTS"] == "127.0.0.2"
    assert environment.keys() == {
        *("BFL_API_KEY", "BFL_BASE_URL", "BFL_POLLING_HOSTS", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
        *("GEMINI_API_KEY", "GEMINI_BASE_URL", "LIMNER_MIDJOURNEY_URL", "LIMNER_MIDJOURNEY_SECRET"),
        *("FAL_KEY", "FAL_BASE_URL", "REPLICATE_API_TOKEN", "REPLICATE_BASE_URL", "LIMNER_RAY_URL", "LIMNER_RAY_KEY"),
        *(f"LIMNER_PROVIDER__{name}__{field}" for name in ("SGLANG", "VLLM") for field in ENGINE_FIELDS),
    }


async def test_purchase_records_outlive_the_emulators(tmp_path: Path) -> None:
    file = tmp_path / "books.jsonl"
    async with Vendors.running(["bfl"], records=file) as emulators, aiohttp.ClientSession() as session:
        await VendorClient(emulators, session).buy("bfl", "a cat")

    async with Vendors.running(["bfl"], records=file) as emulators:
        assert [one.prompt for one in emulators.purchases("bfl")] == ["a cat"]


async def test_the_command_serves_until_it_is_stopped() -> None:
    command = [sys.executable, "-m", "limner", "vendors", "serve", "--port", "0", "--only", "bfl", "--json"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    reported = b""
    while not reported.endswith(b"}\n") or reported.count(b"{") != reported.count(b"}"):
        reported += await process.stdout.readline()
    ready = orjson.loads(reported)

    async with aiohttp.ClientSession() as session:
        headers = {"x-key": ready["environment"]["BFL_API_KEY"]}
        async with session.get(f"{ready['base_urls']['bfl']}/v1/credits", headers=headers) as answer:
            status = answer.status
    process.terminate()

    assert status == 200
    assert await process.wait() == 0


async def test_a_pace_is_kept_by_synchronous_vendors() -> None:
    async with (
        Vendors.running(["openai"], speed=EmulatedSpeed(seconds=60)) as emulators,
        aiohttp.ClientSession() as session,
    ):
        waiting = asyncio.create_task(VendorClient(emulators, session).buy("openai", "a cat"))
        await emulators.faults("openai").until_asked(1)

        assert emulators.purchases() == []
        waiting.cancel()
