"""Signed pictures, from a server over strict emulators to the official reader."""

import asyncio
import io
import json
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from c2pa import Context, Reader, Settings
from PIL import Image

from contract.client import PICTURE, client_of, newcomer
from limner.provenance.keys import KeyFolder, KeyPair
from limner_vendors import Vendors
from serving import Served, serving
from task_client import ENDS_WITHIN_S, call, run_task, submit, wait_for_end

READING = {"version": 1, "verify": {"verify_trust": True}}


@pytest.fixture(scope="module")
async def emulators() -> AsyncIterator[Vendors]:
    async with Vendors.running(["bfl", "openai"]) as emulators:
        yield emulators


@pytest.fixture(scope="module")
async def served(emulators: Vendors, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    running = serving(tmp_path_factory.mktemp("signed") / "data", vendors=emulators.environment(), sign_images="true")
    served = await asyncio.to_thread(running.__enter__)
    yield served
    await asyncio.to_thread(running.__exit__, None, None, None)


async def fetched(url: str, **headers: str) -> tuple[aiohttp.ClientResponse, bytes]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer, await answer.read()


def read(data: bytes, media_type: str, *, anchors: bytes = b"") -> dict[str, Any]:
    trust = {"trust": {"user_anchors": anchors.decode()}} if anchors else {}
    with Reader(media_type, io.BytesIO(data), context=Context(Settings.from_dict(READING | trust))) as reader:
        found: dict[str, Any] = json.loads(reader.json())
    return found


def assertion(store: dict[str, Any], label: str) -> dict[str, Any]:
    manifest = store["manifests"][store["active_manifest"]]
    return next(each["data"] for each in manifest["assertions"] if each["label"].startswith(label))


@pytest.mark.parametrize(
    ("output_format", "media_type"), [("png", "image/png"), ("jpeg", "image/jpeg"), ("webp", "image/webp")]
)
async def test_the_official_reader_verifies_what_a_server_delivers(
    served: Served, output_format: str, media_type: str
) -> None:
    task = await run_task(served, "gpt_image_2", prompt="a heron", output_format=output_format)
    answer, data = await fetched(task["output"]["generated_image"])

    store = read(data, media_type)
    assert (answer.headers["Content-Type"], answer.headers["X-Limner-Mark"]) == (media_type, "signed")
    assert store["validation_state"] == "Valid"
    assert [each["code"] for each in store["validation_status"]] == ["signingCredential.untrusted"]
    [action] = assertion(store, "c2pa.actions")["actions"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert action["softwareAgent"] == {"name": "openai gpt-image-2"}
    assert assertion(store, "org.limner.generation") == {
        "model": "gpt_image_2",
        "made_by": "openai gpt-image-2",
        "generative": True,
    }
    assert b"heron" not in data
    Image.open(io.BytesIO(data)).load()


async def test_with_the_exported_root_it_is_trusted(served: Served) -> None:
    task = await run_task(served, "flux.1_kontext_pro", prompt="a heron")
    _, data = await fetched(task["output"]["generated_image"])
    root = (served.data / "provenance" / "root.pem").read_bytes()

    assert read(data, "image/png", anchors=root)["validation_state"] == "Trusted"


async def test_every_copy_is_the_same_and_ranges_fit_together(served: Served) -> None:
    task = await run_task(served, "flux.1_kontext_pro", prompt="a heron")
    url = task["output"]["generated_image"]
    (first, whole), (second, again) = await fetched(url), await fetched(url)
    _, head = await fetched(url, Range="bytes=0-4999")
    _, tail = await fetched(url, Range="bytes=5000-")

    assert whole == again == head + tail
    assert first.headers["ETag"] == second.headers["ETag"]
    assert len(whole) == int(first.headers["Content-Length"])


async def test_references_are_ingredients_by_their_hash_alone(served: Served) -> None:
    client = client_of(served)
    token = await asyncio.to_thread(client.token, PICTURE)
    task = await run_task(served, "flux.1_kontext_pro", prompt="a heron", file={"type": "png", "file_token": token})
    _, data = await fetched(task["output"]["generated_image"])

    store = read(data, "image/png")
    [ingredient] = store["manifests"][store["active_manifest"]]["ingredients"]
    [action] = assertion(store, "c2pa.actions")["actions"]
    assert ingredient["instance_id"].startswith("sha256:")
    assert ingredient["relationship"] == "inputTo"
    assert action["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")


async def test_on_postgresql_pictures_are_signed_recognised_reported_and_erased(
    emulators: Vendors, postgres_url: str, tmp_path: Path
) -> None:
    settings = {"sign_images": "true", "database_url": postgres_url}
    running = serving(tmp_path / "data", vendors=emulators.environment(), **settings)
    served = await asyncio.to_thread(running.__enter__)
    try:
        task = await run_task(served, "gpt_image_2", prompt="a heron", n=2)
        links = task["output"]["generated_images"]
        (answer, data), (_, again), (second, other) = [await fetched(each) for each in (links[0], links[0], links[1])]
        found = await detected(served, data)
        report = await asyncio.to_thread(served.cli, "provenance", "report", "--since", "2020-01-01")
        await asyncio.to_thread(served.cli, "tasks", "erase", task["task_id"], "--yes")
        erased, _ = await fetched(links[0])
        forgotten = await detected(served, data)
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)

    assert {answer.headers["X-Limner-Mark"], second.headers["X-Limner-Mark"]} == {"signed"}
    assert {read(each, "image/png")["validation_state"] for each in (data, other)} == {"Valid"}
    assert data == again
    assert (found["ours"], found["tasks"], found["manifest"]["signed_here"]) == (True, [task["task_id"]], True)
    assert report["delivered"][0]["pictures"] == 2
    assert (erased.status, forgotten["tasks"], forgotten["manifest"]["signed_here"]) == (404, [], True)


async def test_a_picture_is_delivered_unsigned_where_signing_fails(emulators: Vendors, tmp_path: Path) -> None:
    settings = {"sign_images": "true", "provenance_certificate": str(tmp_path / "none.pem")}
    running = serving(tmp_path / "data", vendors=emulators.environment(), **settings)
    served = await asyncio.to_thread(running.__enter__)
    try:
        task = await run_task(served, "flux.1_kontext_pro", prompt="a heron")
        answer, data = await fetched(task["output"]["generated_image"])
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)

    assert (answer.status, answer.headers["X-Limner-Mark"]) == (200, "added")
    assert b"DigitalSourceType" in data


async def test_where_marks_are_required_it_waits_and_says_why(emulators: Vendors, tmp_path: Path) -> None:
    pair = await asyncio.to_thread(new_pair, tmp_path / "keys")
    certificate, private = tmp_path / "none.pem", tmp_path / "private.pem"
    settings = {"sign_images": "true", "require_marking": "true", "provenance_certificate": str(certificate)}
    settings["provenance_key"] = str(private)
    running = serving(tmp_path / "data", vendors=emulators.environment(), **settings)
    served = await asyncio.to_thread(running.__enter__)
    try:
        asked = len(emulators.purchases("bfl"))
        task_id = await submit(served, "flux.1_kontext_pro", prompt="a heron")
        waiting = await until_it_says(served, task_id, "none.pem cannot be read")
        bought = len(emulators.purchases("bfl")) - asked
        private.write_bytes(pair.private or b"")
        certificate.write_bytes(pair.chain)
        task = await wait_for_end(served, task_id)
        certificate.unlink()
        link, thumbnail = task["output"]["generated_image"], f"{served.url}/thumbs/{task_id}.webp"
        closed, said = await fetched(link)
        small, _ = await fetched(thumbnail, Authorization=f"Bearer {served.key}")
        certificate.write_bytes(pair.chain)
        opened, data = await fetched(link)
        marked, preview = await fetched(thumbnail, Authorization=f"Bearer {served.key}")
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)

    assert (waiting["status"], bought) == ("running", 0)
    assert (task["status"], task.get("error_msg")) == ("success", None)
    assert (closed.status, closed.headers["Retry-After"], small.status) == (503, "30", 503)
    assert b"none.pem cannot be read" in said
    assert (opened.headers["X-Limner-Mark"], marked.status) == ("signed", 200)
    assert read(data, "image/png")["validation_state"] == "Valid"
    assert b"DigitalSourceType" in preview


def new_pair(folder: Path) -> KeyPair:
    KeyFolder(folder).ensure(datetime.now(UTC))
    return KeyFolder(folder).current()


async def until_it_says(served: Served, task_id: str, text: str) -> dict[str, Any]:
    async with asyncio.timeout(ENDS_WITHIN_S):
        while True:
            task: dict[str, Any] = (await call(served, f"/task/{task_id}"))["data"]
            if text in (task.get("error_msg") or ""):
                return task
            await asyncio.sleep(0.05)


def chunk(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + name + content + zlib.crc32(name + content).to_bytes(4)


async def detected(served: Served, data: bytes, key: str | None = None) -> dict[str, Any]:
    form = aiohttp.FormData()
    form.add_field("file", data, filename="picture.png")
    url, headers = f"{served.url}/v1/detect", {"Authorization": f"Bearer {key or served.key}"}
    async with aiohttp.ClientSession() as session, session.post(url, data=form, headers=headers) as answer:
        body: dict[str, Any] = await answer.json()
    assert answer.status == 200, body
    found: dict[str, Any] = body["data"]
    return found


async def test_anybody_with_a_key_can_check_and_only_the_account_learns_the_task(served: Served) -> None:
    task = await run_task(served, "flux.1_kontext_pro", prompt="a heron that nobody else asks for")
    _, data = await fetched(task["output"]["generated_image"])
    other = await asyncio.to_thread(newcomer, served)

    mine, theirs = await detected(served, data), await detected(served, data, other.key)
    changed = await detected(served, data[:-12] + chunk(b"tEXt", b"Comment\0added later") + data[-12:])
    foreign = await detected(served, PICTURE)

    assert (mine["ours"], mine["tasks"], mine["manifest"]["state"]) == (True, [task["task_id"]], "valid")
    assert theirs == mine | {"tasks": []}
    assert mine["manifest"]["signed_here"]
    assert (changed["ours"], changed["manifest"]["state"]) == (False, "invalid")
    assert (foreign["ours"], foreign["manifest"]["state"], foreign["says"]["source"]) == (False, "none", None)


async def test_the_vendor_s_file_is_given_out_as_it_came(served: Served, emulators: Vendors) -> None:
    task = await run_task(served, "flux.1_kontext_pro", prompt="a heron")
    stored = [each for each in (served.data / "blobs").rglob("*") if each.is_file()]
    other = await asyncio.to_thread(newcomer, served)
    url = f"{served.api}/task/{task['task_id']}/original"
    answer, data = await fetched(url, Authorization=f"Bearer {served.key}")
    refused, _ = await fetched(url, Authorization=f"Bearer {other.key}")

    assert answer.status == 200
    assert data in [each.read_bytes() for each in stored]
    assert b"DigitalSourceType" not in data
    assert refused.status == 404


async def test_what_an_auditor_asks_is_counted_without_names(served: Served) -> None:
    report = await asyncio.to_thread(served.cli, "provenance", "report", "--since", "2020-01-01")
    key = (await asyncio.to_thread(served.cli, "provenance", "init"))["key"]

    assert report["pictures"] >= report["delivered"][0]["pictures"] > 0
    assert [each["key"] for each in report["delivered"]] == [key]
    assert set(report) == {"tasks", "pictures", "delivered"}


async def test_erasing_a_task_takes_its_signature_along(served: Served) -> None:
    task = await run_task(served, "flux.1_kontext_pro", prompt="a heron")
    url = task["output"]["generated_image"]
    assert (await fetched(url))[0].status == 200
    await asyncio.to_thread(served.cli, "tasks", "erase", task["task_id"], "--yes")

    assert (await fetched(url))[0].status == 404
