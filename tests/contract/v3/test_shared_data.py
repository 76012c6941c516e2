"""v2 and v3 share their data."""

import pytest

from contract.client import PICTURE
from contract.v3.client import V3Client, newcomer
from serving import Served


def test_a_task_made_on_v3_is_read_on_v2(client: V3Client) -> None:
    here = client.done(prompt="a cat", model="banana")
    there = client.v2.task(here["task_id"])

    assert (there["status"], there["type"]) == ("success", "text_to_image")
    assert there["input"] == here["input"]
    assert there["consumed_credit"] == here["credits_consumed"] == 5
    assert path(there["output"]["generated_image"]) == path(here["output"]["generated_image_url"])


def test_a_task_made_on_v2_is_read_on_v3(client: V3Client) -> None:
    there = client.v2.done(model_version="gpt_image_2")
    here = client.task(there["task_id"])

    assert (here["status"], here["type"], here["credits_consumed"]) == ("success", "generate_image", 10)
    assert here["input"] == there["input"]
    assert path(here["output"]["generated_image_url"]) == path(there["output"]["generated_image"])


def test_a_task_made_on_v2_is_a_picture_for_v3(client: V3Client) -> None:
    made = client.v2.done()["task_id"]

    assert client.done(input=made)["status"] == "success"


def path(url: str) -> str:
    """A link less its signature, which is new at every read."""
    return url.partition("?")[0]


@pytest.mark.parametrize("form", ["file_{}", "{}"], ids=["as v3 spells it", "as v2 spells it"])
def test_a_token_of_v3_works_on_v2(client: V3Client, form: str) -> None:
    token = form.format(client.token().removeprefix("file_"))

    assert client.v2.done(file={"file_token": token})["status"] == "success"


@pytest.mark.parametrize("form", ["file_{}", "{}"], ids=["as v3 spells it", "as v2 spells it"])
def test_a_token_of_v2_works_on_v3(client: V3Client, form: str) -> None:
    token = form.format(client.v2.token())

    assert client.done(input={"file_token": token})["status"] == "success"


def test_a_bare_token_of_v2_is_taken_for_a_task(client: V3Client) -> None:
    assert client.create(input=client.v2.token()).refusal == (404, 2001)


def test_both_faces_spend_from_one_balance_and_count_to_one_limit(idle: Served) -> None:
    client = newcomer(idle, credits=10)
    client.submit()
    client.v2.submit()
    answers = [client.create(), client.v2.create()]

    assert client.balance() == client.v2.balance() == (0, 10)
    assert [answer.refusal for answer in answers] == [(403, 2010)] * 2


def test_what_is_cancelled_on_v2_is_cancelled_on_v3(waiting: V3Client) -> None:
    made = waiting.submit()
    waiting.v2.post(f"/task/{made}/cancel", b"")

    assert waiting.task(made)["status"] == "cancelled"


def test_the_fields_of_v2_are_known_on_v3(client: V3Client) -> None:
    """As version 1 of the published client sends a task that was written for version 0."""
    file = {"type": "png", "file_token": client.v2.token(PICTURE)}
    task = client.done(model_version="gpt_4o", file=file, files=[file], t_pose=True, priority=2)

    assert task["status"] == "success"
    assert set(task["input"]) == {"prompt", "model_version", "file", "files", "t_pose", "priority"}
