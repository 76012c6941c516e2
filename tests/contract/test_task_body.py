"""What a task looks like in each of its states."""

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from contract.client import BASE, PICTURE, Client, client_of, newcomer, settings_of
from limner.application.tasks.settle import settle
from limner.bootstrap import opened
from limner.domain.ids import TaskId
from limner.domain.refusal import Code
from limner.domain.tasks.task import Ending, Status
from serving import Served, serving

ALWAYS: dict[str, type] = {
    "task_id": str,
    "type": str,
    "status": str,
    "input": dict,
    "output": dict,
    "progress": int,
    "create_time": int,
    "queuing_num": int,
    "running_left_time": int,
    "consumed_credit": int,
    "result": dict,
    "prompt": str,
}
ON_SUCCESS = {"thumbnail": str, "served_by": dict}
ON_TROUBLE = {"error_code": int, "error_msg": str}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def types_of(task: dict[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in task.items()}


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One task at a time, and it takes its time."""
    folder = tmp_path_factory.mktemp("slow")
    with serving(folder, sandbox_delay_s="600", tasks_at_once="1", drain_s="0") as server:
        yield server


@pytest.fixture(scope="module")
def running(slow: Served) -> dict[str, Any]:
    client = client_of(slow)
    return client.wait(client.submit(), "running")


def end(served: Served, task_id: str, ending: Ending) -> None:
    """End a waiting task as a worker would."""

    async def work() -> None:
        async with opened(settings_of(served)) as limner:
            now_ms = limner.clock.now_ms()
            assert await limner.store.run(lambda r: settle(r, TaskId(task_id), ending, now_ms, owner=None))

    asyncio.run(work())


def test_create_returns_only_the_task_id(client: Client) -> None:
    answer = client.create()

    assert list(answer.data) == ["task_id"]
    assert UUID.fullmatch(answer.data["task_id"])
    assert answer.headers["X-Limner-Served-By"] == "sandbox"


def test_a_queued_task_has_no_output_and_knows_its_place(idle: Served) -> None:
    client = newcomer(idle)
    ahead = client.task(client.submit())["queuing_num"]
    task = client.task(client.submit(prompt="the second"))

    assert types_of(task) == ALWAYS
    assert (task["status"], task["progress"], task["output"], task["result"]) == ("queued", 0, {}, {})
    assert task["queuing_num"] > ahead >= 0
    assert (task["running_left_time"], task["consumed_credit"]) == (-1, 0)


def test_a_running_task_has_a_remaining_time(running: dict[str, Any]) -> None:
    assert types_of(running) == ALWAYS
    assert (running["status"], running["output"], running["result"]) == ("running", {}, {})
    assert 0 <= running["progress"] <= 95
    assert running["queuing_num"] == -1
    assert running["running_left_time"] >= 1
    assert running["consumed_credit"] == 0


def test_a_finished_task_shows_one_address_in_three_places(client: Client) -> None:
    task = client.done()

    url = task["output"]["generated_image"]
    assert types_of(task) == ALWAYS | ON_SUCCESS
    assert (task["status"], task["progress"], task["consumed_credit"]) == ("success", 100, 5)
    assert (task["queuing_num"], task["running_left_time"]) == (-1, -1)
    assert task["output"] == {"generated_image": url}
    assert task["result"] == {"generated_image": {"type": "png", "url": url}}
    assert task["thumbnail"] == url
    assert task["served_by"]["generative"] is False


def test_the_address_names_the_extension_in_its_path(client: Client) -> None:
    task = client.done()

    parts = urlsplit(task["output"]["generated_image"])
    assert f"{parts.scheme}://{parts.netloc}" == client.url
    assert parts.path.endswith(f"/{task['task_id']}/generated_image.png")
    assert parts.query


def test_an_account_is_not_named_by_its_id_in_a_link(client: Client) -> None:
    path = urlsplit(client.done()["output"]["generated_image"]).path

    assert re.match(r"/files/tcli_[0-9a-f]{32}/", path)


def test_the_creation_time_is_in_whole_seconds(client: Client) -> None:
    before = int(time.time())
    created = client.task(client.submit())["create_time"]

    assert before <= created <= time.time()


def test_a_failed_task_has_an_error_and_costs_nothing(served: Served) -> None:
    client = newcomer(served, credits=5)
    task = client.done(file={"url": "http://not-there.invalid/cat.png"})

    assert types_of(task) == ALWAYS | ON_TROUBLE
    assert (task["status"], task["progress"], task["output"], task["result"]) == ("failed", 100, {}, {})
    assert (task["error_code"], task["consumed_credit"]) == (2019, 0)
    assert task["error_msg"].startswith("file: The file at 'http://not-there.invalid/cat.png'")
    assert (task["queuing_num"], task["running_left_time"]) == (-1, -1)
    assert client.balance() == (5, 0)


def test_a_banned_task_carries_the_code_of_the_content_policy(idle: Served) -> None:
    client = newcomer(idle, credits=5)
    task_id = client.submit()
    end(idle, task_id, Ending(Status.BANNED, error_code=Code.CONTENT_POLICY, error_msg="the vendor said no"))
    task = client.task(task_id)

    assert types_of(task) == ALWAYS | ON_TROUBLE
    assert (task["status"], task["progress"], task["output"], task["result"]) == ("banned", 100, {}, {})
    assert (task["error_code"], task["error_msg"], task["consumed_credit"]) == (2008, "the vendor said no", 0)
    assert client.balance() == (5, 0)


def test_a_task_that_waited_too_long_is_expired(data: Path) -> None:
    with serving(data, sandbox_delay_s="600", tasks_at_once="1", queue_deadline_s="1", drain_s="0") as server:
        client = client_of(server)
        client.wait(client.submit(), "running")
        task = client.done(prompt="the second")
        balance = client.balance()

    assert types_of(task) == ALWAYS | ON_TROUBLE
    assert (task["status"], task["progress"], task["output"], task["result"]) == ("expired", 100, {}, {})
    assert (task["error_code"], task["consumed_credit"]) == (1001, 0)
    assert balance == (9995, 5)


def test_a_cancelled_task_has_an_error_code_too(idle: Served) -> None:
    client = newcomer(idle)
    task = client.post(f"/task/{client.submit()}/cancel", b"").data

    assert types_of(task) == ALWAYS | ON_TROUBLE
    assert (task["status"], task["progress"], task["output"], task["result"]) == ("cancelled", 100, {}, {})
    assert (task["queuing_num"], task["running_left_time"], task["consumed_credit"]) == (-1, -1, 0)
    assert task["error_code"] == 1001


def test_the_input_is_what_was_sent_without_its_type(idle: Served) -> None:
    client = newcomer(idle)
    sent = {"prompt": " a cat\n", "template": "t-pose", "t_pose": True, "sketch_to_render": False, "priority": 2}
    task = client.task(client.submit(**sent, steps=7))

    assert task["input"] == {**sent, "model_version": "flux.1_kontext_pro"}
    assert task["type"] == "generate_image"
    assert task["prompt"] == " a cat\n"


def test_the_input_names_the_model_that_runs(idle: Served) -> None:
    client = newcomer(idle)
    token = client.token()
    task = client.task(client.submit(model_version="flux.1_dev", file={"type": "jpg", "file_token": token}))

    assert task["input"]["model_version"] == "flux.1_kontext_pro"


def test_an_uploaded_picture_is_shown_as_an_object_never_as_its_token(idle: Served) -> None:
    client = newcomer(idle)
    token = client.token()
    made = client.submit(file={"type": "jpg", "file_token": token}, files=[{"file_token": token}])
    task = client.task(made)

    shown = task["input"]["file"]
    assert set(shown) == {"type", "object"}
    assert shown["type"] == "jpg"
    assert shown["object"]["bucket"] == "tripo-data"
    assert re.fullmatch(r"tcli_[0-9a-f]{32}/\d{8}/[0-9a-f-]{36}/input\.png", shown["object"]["key"])
    assert task["input"]["files"] == [{"object": shown["object"]}]


def test_an_inline_picture_is_shown_by_its_size(idle: Served, inline: dict[str, str]) -> None:
    client = newcomer(idle)
    task = client.task(client.submit(file=inline))

    assert task["input"]["file"] == {"type": "png", "data": f"<{len(PICTURE)} bytes of image/png>"}


def test_the_picture_of_a_text_task_is_under_its_own_name(idle: Served, inline: dict[str, str]) -> None:
    client = newcomer(idle)
    task = client.task(client.submit(type="text_to_image", style_image=inline, negative_prompt="dogs"))

    assert task["type"] == "text_to_image"
    assert set(task["input"]) == {"prompt", "negative_prompt", "style_image", "model_version"}


def test_a_task_without_a_prompt_has_none_to_show(client: Client) -> None:
    task = client.done(prompt=None, template="variants")

    assert task["status"] == "success"
    assert "prompt" not in task
    assert task["input"] == {"template": "variants", "model_version": "flux.1_kontext_pro"}


def test_every_read_of_a_task_signs_its_address_anew(client: Client) -> None:
    task_id = client.done()["task_id"]
    first = client.task(task_id)["output"]["generated_image"]
    deadline = time.monotonic() + 10
    while (second := client.task(task_id)["output"]["generated_image"]) == first and time.monotonic() < deadline:
        time.sleep(0.05)

    assert first.partition("?")[0] == second.partition("?")[0]
    assert first.partition("?")[2] != second.partition("?")[2]


def test_the_served_by_header_names_what_made_the_picture(client: Client) -> None:
    answer = client.get(f"{BASE}/task/{client.done()['task_id']}")

    assert answer.headers["X-Limner-Served-By"] == answer.data["served_by"]["provider"] == "sandbox"
