"""What a task looks like in each of its states, and in the answer that creates it."""

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from contract.client import PICTURE, settings_of
from contract.v3.client import BASE, V3Client, newcomer
from limner.application.tasks.settle import settle
from limner.bootstrap import opened
from limner.domain.ids import BlobId, TaskId
from limner.domain.refusal import Code
from limner.domain.tasks.task import Ending, Result, Status
from serving import Served, serving

ALWAYS: dict[str, type] = {
    "task_id": str,
    "type": str,
    "status": str,
    "input": dict,
    "output": dict,
    "progress": int,
    "created_at": str,
    "credits_consumed": float,
}
ENDED = {"completed_at": str}
ON_SUCCESS = {"served_by": dict}
ON_TROUBLE = {"error_code": int, "error_message": str}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def types_of(task: dict[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in task.items()}


def end(served: Served, task_id: str, ending: Ending) -> None:
    """End a waiting task as a worker would."""

    async def work() -> None:
        async with opened(settings_of(served)) as limner:
            now_ms = limner.clock.now_ms()
            assert await limner.store.run(lambda r: settle(r, TaskId(task_id), ending, now_ms, owner=None))

    asyncio.run(work())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("slow")
    with serving(folder, sandbox_delay_s="600", drain_s="0") as server:
        client = V3Client(server.url, server.key)
        yield client.wait(client.submit(), "running")


@pytest.mark.parametrize(
    ("fields", "kind"),
    [({}, "text_to_image"), ({"input": "https://example.org/a.png"}, "generate_image")],
    ids=["text-to-image", "image-to-image"],
)
def test_create_returns_id_type_and_status(waiting: V3Client, fields: dict[str, Any], kind: str) -> None:
    answer = waiting.create(**fields)

    assert {name: answer.data[name] for name in answer.data if name != "task_id"} == {"type": kind, "status": "queued"}
    assert UUID.fullmatch(answer.data["task_id"])
    assert answer.headers["X-Limner-Served-By"] == "sandbox"
    assert waiting.task(answer.data["task_id"])["type"] == kind


def test_a_queued_task_has_neither_output_nor_end(waiting: V3Client) -> None:
    task = waiting.task(waiting.submit())

    assert types_of(task) == ALWAYS
    assert (task["status"], task["progress"], task["output"], task["credits_consumed"]) == ("queued", 0, {}, 0)


def test_a_running_task_has_progress(running: dict[str, Any]) -> None:
    assert types_of(running) == ALWAYS
    assert (running["status"], running["output"], running["credits_consumed"]) == ("running", {}, 0)
    assert 0 <= running["progress"] <= 95


def test_a_finished_task_has_one_address(client: V3Client) -> None:
    task = client.done()

    assert types_of(task) == ALWAYS | ENDED | ON_SUCCESS
    assert (task["status"], task["progress"], task["credits_consumed"]) == ("success", 100, 5)
    assert list(task["output"]) == ["generated_image_url"]
    assert str(task).count("http://") == 1
    assert task["served_by"]["generative"] is False


def test_four_views_have_four_addresses_under_the_name_of_v2(idle: Served, waiting: V3Client) -> None:
    front, *others = (Result(BlobId(f"{n:064}"), "image/png", "png", 8, 8) for n in range(4))
    views = dict(zip(("front", "left", "back", "right"), (front, *others), strict=True))
    task_id = waiting.submit()
    end(idle, task_id, Ending(Status.SUCCESS, consumed=5, result=replace(front, views=views)))
    output = waiting.task(task_id)["output"]

    assert list(output) == ["generate_multiview_image"]
    assert {
        name: urlsplit(url).path.rpartition("/")[2] for name, url in output["generate_multiview_image"].items()
    } == {f"{view}_view_url": f"{view}_view.png" for view in views}


def test_the_address_leads_to_the_picture_without_a_key(client: V3Client) -> None:
    task = client.done()
    url = task["output"]["generated_image_url"]
    answer = client.get(url, auth=False)

    assert urlsplit(url).path.endswith(f"/{task['task_id']}/generated_image.png")
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.body.startswith(b"\x89PNG")


def test_times_are_iso_8601_in_utc(client: V3Client) -> None:
    before = datetime.now(UTC)
    task = client.done()
    created, completed = (datetime.fromisoformat(task[name]) for name in ("created_at", "completed_at"))

    assert MOMENT.fullmatch(task["created_at"])
    assert MOMENT.fullmatch(task["completed_at"])
    assert before.timestamp() - 0.001 <= created.timestamp() <= completed.timestamp() <= time.time()


def test_a_failed_task_has_an_error_and_costs_nothing(served: Served) -> None:
    client = newcomer(served, credits=5)
    task = client.done(input="http://not-there.invalid/cat.png")

    assert types_of(task) == ALWAYS | ENDED | ON_TROUBLE
    assert (task["status"], task["progress"], task["output"]) == ("failed", 100, {})
    assert (task["error_code"], task["credits_consumed"]) == (2019, 0)
    assert task["error_message"].startswith("input: The file at 'http://not-there.invalid/cat.png'")
    assert client.balance() == (5, 0)


@pytest.mark.parametrize(
    ("ending", "status", "code"),
    [
        (Ending(Status.BANNED, error_code=Code.CONTENT_POLICY, error_msg="no"), "failed", 2008),
        (Ending(Status.EXPIRED, error_code=Code.FATAL, error_msg="no"), "failed", 2018),
        (Ending(Status.FAILED, error_code=Code.FATAL, error_msg="no"), "failed", 1001),
        (Ending(Status.CANCELLED, error_code=Code.FATAL, error_msg="no"), "cancelled", 1001),
    ],
    ids=["banned", "expired", "failed", "cancelled"],
)
def test_every_end_without_a_picture_has_its_status_and_code(
    idle: Served, waiting: V3Client, ending: Ending, status: str, code: int
) -> None:
    task_id = waiting.submit()
    end(idle, task_id, ending)
    task, other = waiting.task(task_id), waiting.v2.task(task_id)

    assert types_of(task) == ALWAYS | ENDED | ON_TROUBLE
    assert (task["status"], task["error_code"], task["error_message"]) == (status, code, "no")
    assert (task["progress"], task["output"], task["credits_consumed"]) == (100, {}, 0)
    assert (other["status"], other["error_code"]) == (ending.status, ending.error_code)
    assert waiting.balance() == (1000, 0)


def test_the_input_is_what_was_sent_and_names_the_model_that_runs(waiting: V3Client) -> None:
    sent = {"prompt": " a cat\n", "template": "t-pose", "t_pose": True, "aspect_ratio": "16:9", "priority": 2}
    task = waiting.task(waiting.submit(**sent, model="banana", negative_prompt="dogs", steps=7))

    assert task["input"] == {
        **sent,
        "model": "banana",
        "negative_prompt": "dogs",
        "model_version": "gemini_2.5_flash_image_preview",
    }


def test_pictures_are_shown_as_what_they_became(client: V3Client) -> None:
    token, made = client.token(), client.done()["task_id"]
    url = "https://example.org/a.png"
    task = client.task(client.submit(input=token, inputs=[made, url], file={"type": "png", "file_token": token}))

    shown = task["input"]["input"]
    assert set(shown["object"]) == {"bucket", "key"}
    assert token.removeprefix("file_") in shown["object"]["key"]
    assert task["input"]["inputs"] == [{"task_id": made}, {"url": url}]
    assert task["input"]["file"] == {"type": "png", **shown}


def test_an_inline_picture_is_shown_by_its_size(waiting: V3Client, inline: dict[str, str]) -> None:
    task = waiting.task(waiting.submit(files=[inline]))

    assert task["input"]["files"] == [{"type": "png", "data": f"<{len(PICTURE)} bytes of image/png>"}]


def test_the_step_parameter_is_ignored(client: V3Client) -> None:
    task_id = client.done()["task_id"]
    plain, stepped = client.task(task_id), client.get(f"{BASE}/tasks/{task_id}?step=1")

    assert stepped.data | {"output": plain["output"]} == plain
    assert stepped.headers["X-Limner-Served-By"] == "sandbox"
