import asyncio
import io
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image

from limner_vendors import Fault, FaultKind, read_bands, read_card, sha_of
from vendor_client import VendorAnswer, VendorClient, data_uri, reference

CAT = {"prompt": "a cat --ar 16:9"}


async def post(vendor_client: VendorClient, path: str, body: Any, prefix: str = "") -> VendorAnswer:
    url = f"{vendor_client.emulators.base_url('midjourney')}{prefix}/mj/{path}"
    return await vendor_client.request("POST", url, vendor_client.headers("midjourney"), json=body)


async def imagine(vendor_client: VendorClient, body: Any = CAT) -> Any:
    return (await post(vendor_client, "submit/imagine", body)).json


async def fetch(vendor_client: VendorClient, task: str) -> Any:
    url = f"{vendor_client.emulators.base_url('midjourney')}/mj/task/{task}/fetch"
    return (await vendor_client.request("GET", url, vendor_client.headers("midjourney"))).json


async def finished(vendor_client: VendorClient, task: str) -> Any:
    while (reported := await fetch(vendor_client, task))["status"] not in {"SUCCESS", "FAILURE", "CANCEL"}:
        pass
    return reported


async def test_a_task_goes_from_submitted_over_a_preview_to_its_grid(vendor_client: VendorClient) -> None:
    submitted = await imagine(vendor_client, {**CAT, "state": "ours"})

    reported = [await fetch(vendor_client, submitted["result"]) for _ in range(3)]

    assert submitted["code"] == 1
    assert [one["status"] for one in reported] == ["SUBMITTED", "IN_PROGRESS", "SUCCESS"]
    assert reported[1]["imageUrl"] != reported[2]["imageUrl"]
    assert reported[2]["progress"] == "100%"
    assert {one["state"] for one in reported} == {"ours"}


async def test_a_task_whose_purchase_is_being_recorded_is_listed_whole(
    vendor_client: VendorClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, written = asyncio.Event(), asyncio.Event()

    async def enter(_row: Any) -> None:
        writing.set()
        await written.wait()

    monkeypatch.setattr(vendor_client.emulators.records, "enter", enter)
    order = asyncio.create_task(imagine(vendor_client))
    await writing.wait()

    url = f"{vendor_client.emulators.base_url('midjourney')}/mj/task/list"
    listed = await vendor_client.request("GET", url, vendor_client.headers("midjourney"))
    written.set()
    job = await order

    assert [(each["id"], each["status"]) for each in listed.json] == [(job["result"], "NOT_START")]


async def test_a_preview_is_no_picture_to_keep(vendor_client: VendorClient) -> None:
    task = (await imagine(vendor_client))["result"]
    preview = [await fetch(vendor_client, task) for _ in range(2)][1]["imageUrl"]

    card = read_card((await vendor_client.request("GET", preview)).data)

    assert (card.variant, card.format) == (7, "webp")


async def test_the_grid_is_two_by_two_in_the_requested_shape(vendor_client: VendorClient) -> None:
    task = await finished(vendor_client, (await imagine(vendor_client))["result"])

    data = (await vendor_client.request("GET", task["imageUrl"])).data

    width, height = Image.open(io.BytesIO(data)).size
    assert (task["width"], task["height"]) == (width, height) == (2720, 1536)
    with Image.open(io.BytesIO(data)) as grid:
        quarters = [grid.crop((x, y, x + width // 2, y + height // 2)) for y in (0, 768) for x in (0, 1360)]
    assert [read_bands(quarter).variant for quarter in quarters] == [1, 2, 3, 4]
    assert read_bands(quarters[0]).prompt_sha12 == sha_of(CAT["prompt"])[:12]


async def test_a_button_gives_one_picture_of_the_grid(vendor_client: VendorClient) -> None:
    task = await finished(vendor_client, (await imagine(vendor_client))["result"])
    labels = [button["label"] for button in task["buttons"]]
    second = task["buttons"][labels.index("U2")]["customId"]

    pressed = (await post(vendor_client, "submit/action", {"taskId": task["id"], "customId": second})).json
    single = await finished(vendor_client, pressed["result"])

    card = read_card((await vendor_client.request("GET", single["imageUrl"])).data)
    assert labels == ["U1", "U2", "U3", "U4", "V1", "V2", "V3", "V4", ""]
    assert (card.variant, card.size) == (2, (1360, 768))
    assert single["action"] == "UPSCALE"


@pytest.mark.parametrize(("action", "index", "size"), [("UPSCALE", 3, (1360, 768)), ("VARIATION", 1, (2720, 1536))])
async def test_the_older_change_does_the_same(
    action: str, index: int, size: tuple[int, int], vendor_client: VendorClient
) -> None:
    task = await finished(vendor_client, (await imagine(vendor_client))["result"])

    changed = (
        await post(vendor_client, "submit/change", {"taskId": task["id"], "action": action, "index": index})
    ).json
    result = await finished(vendor_client, changed["result"])

    assert read_card((await vendor_client.request("GET", result["imageUrl"])).data).size == size
    assert [one.model for one in vendor_client.emulators.purchases("midjourney")] == ["imagine", action.lower()]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("submit/action", {"taskId": "1", "customId": "x"}, 3),
        ("submit/change", {"taskId": "1", "action": "UPSCALE", "index": 1}, 3),
        ("submit/change", {"taskId": "1", "action": "UPSCALE"}, 4),
        ("submit/change", {"taskId": "1", "action": "ENLARGE", "index": 1}, 4),
        ("submit/imagine", {"prompt": "  "}, 4),
        ("submit/imagine", {}, 4),
        ("submit/imagine", {**CAT, "n": 1}, 4),
        ("submit/imagine", {**CAT, "state": "x" * 256}, 4),
        ("submit/imagine", {**CAT, "botType": "DALLE"}, 4),
        ("submit/imagine", {**CAT, "base64Array": ["iVBORw0KGgo="]}, 4),
        ("submit/imagine", {**CAT, "base64Array": ["data:image/png;base64,!"]}, 4),
        ("submit/imagine", {**CAT, "notifyHook": "ftp://x"}, 4),
    ],
)
async def test_what_is_wrong_has_a_code_and_http_200(
    path: str, body: Any, code: int, vendor_client: VendorClient
) -> None:
    answer = await post(vendor_client, path, body)

    assert (answer.status, answer.json["code"]) == (200, code)
    assert vendor_client.emulators.purchases() == []


async def test_a_button_before_the_grid_is_there_is_refused(vendor_client: VendorClient) -> None:
    task = (await imagine(vendor_client))["result"]

    answer = await post(vendor_client, "submit/change", {"taskId": task, "action": "UPSCALE", "index": 1})

    assert answer.json["code"] == 4


@pytest.mark.parametrize("code", [1, 21, 22, 23, 24, 3, 4, 9])
async def test_every_code_can_be_had(code: int, vendor_client: VendorClient) -> None:
    vendor_client.emulators.faults("midjourney").add(Fault(FaultKind.CODE, value=code))

    answer = await imagine(vendor_client)

    assert answer["code"] == code
    assert (answer["result"] is not None) == (code in {1, 21, 22})
    assert len(vendor_client.emulators.purchases()) == (code in {1, 21, 22})


@pytest.mark.parametrize(
    ("word", "title"),
    [
        ("moderated", "[Banned prompt detected]"),
        ("moderated_output", "[Request cancelled due to output filters]"),
        ("moderated_output=Image_denied", "[Image denied]"),
        ("failed=Invalid_link", "[Invalid link]"),
        ("failed=Credits_exhausted", "[Credits exhausted]"),
    ],
)
async def test_a_failed_task_says_why_under_a_title(word: str, title: str, vendor_client: VendorClient) -> None:
    task = await finished(vendor_client, (await imagine(vendor_client, {"prompt": f"a cat #fault:{word}"}))["result"])

    assert task["status"] == "FAILURE"
    assert task["failReason"].startswith(title)
    assert task["imageUrl"] is None


async def test_an_unknown_task_is_an_empty_200_or_a_204(vendor_client: VendorClient) -> None:
    root = f"{vendor_client.emulators.base_url('midjourney')}/mj/task"

    reported = [
        await vendor_client.request("GET", f"{root}/{task}/fetch", vendor_client.headers("midjourney"))
        for task in ("17", "no-such")
    ]

    assert [(one.status, one.data) for one in reported] == [(200, b""), (204, b"")]


async def test_a_strange_status_passes(vendor_client: VendorClient) -> None:
    task = (await imagine(vendor_client, {"prompt": "a cat #fault:unknown_status=MODAL"}))["result"]

    assert (await fetch(vendor_client, task))["status"] == "MODAL"
    assert (await finished(vendor_client, task))["status"] == "SUCCESS"


async def test_a_wrong_secret_is_plain_text(vendor_client: VendorClient) -> None:
    answer = await vendor_client.buy("midjourney", "a cat", {"mj-api-secret": "x"})

    assert (answer.status, answer.data) == (401, b"Unauthorized")


async def test_a_bearer_key_opens_too_and_so_does_every_speed(vendor_client: VendorClient) -> None:
    headers = {"Authorization": f"Bearer {vendor_client.emulators.key('midjourney')}"}
    root = vendor_client.emulators.base_url("midjourney")

    for speed in ("", "/mj-fast", "/mj-turbo", "/mj-relax"):
        answer = await vendor_client.request("POST", f"{root}{speed}/mj/submit/imagine", headers, json=CAT)
        assert answer.json["code"] == 1


async def test_pictures_may_be_given(vendor_client: VendorClient) -> None:
    one = reference("one")
    task = await finished(
        vendor_client, (await imagine(vendor_client, {**CAT, "base64Array": [data_uri(one)]}))["result"]
    )

    assert read_card((await vendor_client.request("GET", task["imageUrl"])).data).references == (sha_of(one),)


async def test_many_tasks_are_listed_and_one_cancelled(vendor_client: VendorClient) -> None:
    tasks = [(await imagine(vendor_client))["result"] for _ in range(2)]
    await post(vendor_client, f"task/{tasks[0]}/cancel", {})

    listed = (await post(vendor_client, "task/list-by-condition", {"ids": [*tasks, "no-such"]})).json

    assert [(one["id"], one["status"]) for one in listed] == [(tasks[0], "CANCEL"), (tasks[1], "NOT_START")]


async def test_the_hook_hears_a_burst_that_is_out_of_order(vendor_client: VendorClient) -> None:
    received: asyncio.Queue[Any] = asyncio.Queue()

    async def on_message(request: web.Request) -> web.Response:
        await received.put(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", on_message)
    async with TestServer(app) as server:
        await imagine(
            vendor_client, {"prompt": "a cat #fault:duplicate_webhook", "notifyHook": str(server.make_url("/hook"))}
        )
        reported = [await received.get() for _ in range(6)]

    statuses = [one["status"] for one in reported]
    assert statuses == ["SUBMITTED", "IN_PROGRESS", "IN_PROGRESS", "SUCCESS", "SUCCESS", "IN_PROGRESS"]
    assert [one["progress"] for one in reported[1:3]] == ["62%", "31%"]


async def test_the_same_picture_of_a_grid_is_made_once_when_requested_by_number(
    vendor_client: VendorClient,
) -> None:
    task = await finished(vendor_client, (await imagine(vendor_client))["result"])
    asked = {"taskId": task["id"], "action": "UPSCALE", "index": 1}

    first, second = [(await post(vendor_client, "submit/change", asked)).json for _ in range(2)]
    other = (await post(vendor_client, "submit/change", {**asked, "index": 2})).json

    assert (second["code"], second["result"]) == (21, first["result"])
    assert second["properties"]["status"] == "NOT_START"
    assert (other["code"], other["result"] == first["result"]) == (1, False)
    assert [each.model for each in vendor_client.emulators.purchases()] == ["imagine", "upscale", "upscale"]


async def test_a_button_makes_another_picture_each_time_it_is_pressed(vendor_client: VendorClient) -> None:
    task = await finished(vendor_client, (await imagine(vendor_client))["result"])
    press = {"taskId": task["id"], "customId": task["buttons"][0]["customId"]}

    codes = [(await post(vendor_client, "submit/action", press)).json["code"] for _ in range(2)]

    assert codes == [1, 1]
    assert len(vendor_client.emulators.purchases()) == 3


async def test_the_newest_tasks_are_listed_with_what_they_were_called(vendor_client: VendorClient) -> None:
    for number in range(3):
        await imagine(vendor_client, {**CAT, "state": f"ours {number}"})
    url = f"{vendor_client.emulators.base_url('midjourney')}/mj/task/list"

    listed = (await vendor_client.request("GET", url, vendor_client.headers("midjourney"))).json
    without_key = await vendor_client.request("GET", url)

    assert [one["state"] for one in listed] == ["ours 2", "ours 1", "ours 0"]
    assert without_key.status == 401


async def test_another_client_cancels_a_task(vendor_client: VendorClient) -> None:
    vendor_client.emulators.faults("midjourney").add(Fault(FaultKind.CANCELLED))

    task = await finished(vendor_client, (await imagine(vendor_client))["result"])

    assert (task["status"], task["imageUrl"]) == ("CANCEL", None)
    assert not vendor_client.emulators.purchases()[0].charged
