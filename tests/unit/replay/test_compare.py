import pytest

from limner.replay.compare import differences, renamed

TASK = {"code": 0, "data": {"task_id": "t-1", "progress": 3, "output": {}, "error_msg": None, "tags": [{"a": 1}]}}


def test_values_are_the_server_s_own() -> None:
    got = {"code": 0, "data": {"task_id": "x", "progress": 99, "output": {}, "error_msg": "no", "tags": [{"a": 5}]}}

    assert list(differences(TASK, got)) == []


def test_what_is_there_in_addition_is_no_difference() -> None:
    assert list(differences({"code": 0}, {"code": 0, "more": 1})) == []


def test_a_whole_number_and_a_broken_one_are_one_kind() -> None:
    assert list(differences({"balance": 5}, {"balance": 5.5})) == []


@pytest.mark.parametrize(
    ("expected", "got", "words"),
    [
        ({"data": {"task_id": "x"}}, {"data": {}}, "data.task_id: missing"),
        ({"data": {"progress": 3}}, {"data": {"progress": "3"}}, "data.progress: number expected, got string"),
        ({"data": {"ok": True}}, {"data": {"ok": 1}}, "data.ok: boolean expected, got number"),
        ({"data": {"output": {}}}, {"data": {"output": None}}, "data.output: object expected, got null"),
        ({"list": [{"a": 1}]}, {"list": [{"b": 1}]}, "list[0].a: missing"),
        ({"list": [1]}, {"list": []}, "list: a list with elements expected, got an empty one"),
        ({"a": 1}, [], "the answer: object expected, got list"),
    ],
)
def test_what_a_client_could_stumble_over_is_named(expected: object, got: object, words: str) -> None:
    assert list(differences(expected, got)) == [words]


def test_ids_tokens_and_addresses_are_found_by_their_place() -> None:
    then = {
        "data": {"task_id": "aaaaaaaa-1111", "status": "running", "url": ["https://then/x.png"], "say": "a long word"}
    }
    now = {
        "data": {"task_id": "bbbbbbbb-2222", "status": "queued", "url": ["https://now/y.png"], "say": "another word"}
    }

    assert dict(renamed(then, now)) == {
        "aaaaaaaa-1111": "bbbbbbbb-2222",
        "https://then/x.png": "https://now/y.png",
    }
