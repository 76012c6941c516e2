"""Who is let in, and what of others they see."""

from collections.abc import Callable

import pytest

from contract.client import PICTURE
from contract.v3.client import BASE, V3Answer, V3Client, newcomer
from serving import Served

NOBODY = "00000000-0000-4000-8000-000000000000"

CREATING: dict[str, Callable[[V3Client], V3Answer]] = {
    "text-to-image": lambda client: client.create(),
    "image-to-image": lambda client: client.create(input="https://example.org/a.png"),
    "upload": lambda client: client.upload(PICTURE),
    "presign": lambda client: client.post("/files/presign", {"format": "png"}),
    "credentials": lambda client: client.post("/files/upload-credentials", {"format": "png"}),
}
LOOKING: dict[str, Callable[[V3Client], V3Answer]] = {
    "read": lambda client: client.get(f"{BASE}/tasks/{NOBODY}"),
    "list": lambda client: client.post("/tasks/list", {"task_ids": [NOBODY]}),
    "models": lambda client: client.get(f"{BASE}/models"),
    "balance": lambda client: client.get(f"{BASE}/account/balance"),
    "usage": lambda client: client.get(f"{BASE}/account/usage"),
}
CALLS = CREATING | LOOKING


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("key", [None, "tsk_" + "A" * 43], ids=["no key", "an unknown key"])
def test_without_a_good_key_the_answer_is_the_upstreams(
    client: V3Client, call: Callable[[V3Client], V3Answer], key: str | None
) -> None:
    answer = call(client.as_(key))

    assert answer.refusal == (401, 2)
    assert answer.json["message"] == "Invalid API key"
    assert answer.suggestion == "Check if your credentials is valid"


@pytest.mark.parametrize("call", CREATING.values(), ids=CREATING)
def test_a_key_that_may_only_read_makes_nothing(idle: Served, call: Callable[[V3Client], V3Answer]) -> None:
    answer = call(newcomer(idle, scopes=("read",)))

    assert answer.refusal == (403, 1005)
    assert "'generate'" in answer.suggestion


@pytest.mark.parametrize("call", LOOKING.values(), ids=LOOKING)
def test_a_key_that_may_only_generate_reads_nothing(idle: Served, call: Callable[[V3Client], V3Answer]) -> None:
    answer = call(newcomer(idle, scopes=("generate",)))

    assert answer.refusal == (403, 1005)
    assert "'read'" in answer.suggestion


def test_another_accounts_task_is_as_unknown_as_none_at_all(client: V3Client, other_client: V3Client) -> None:
    theirs = client.submit()
    answers = [other_client.get(f"{BASE}/tasks/{each}") for each in (theirs, NOBODY)]

    assert [answer.refusal for answer in answers] == [(404, 2001)] * 2
    assert answers[0].suggestion.replace(theirs, NOBODY) == answers[1].suggestion


def test_list_returns_found_tasks_by_id_and_missing_ids(client: V3Client, other_client: V3Client) -> None:
    done, theirs = client.done(), other_client.submit()
    answer = client.post("/tasks/list", {"task_ids": [done["task_id"], theirs, NOBODY, "no id", NOBODY]})

    listed = answer.data["tasks"][done["task_id"]]
    assert list(answer.data["tasks"]) == [done["task_id"]]
    assert listed | {"output": done["output"]} == done
    assert answer.data["missed"] == [theirs, NOBODY, "no id"]


@pytest.mark.parametrize("ids", [None, [], "abc", [1], [None], [f"id-{n}" for n in range(101)]])
def test_a_list_has_1_to_100_ids(client: V3Client, ids: object) -> None:
    answer = client.post("/tasks/list", {"task_ids": ids})

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("task_ids ")
