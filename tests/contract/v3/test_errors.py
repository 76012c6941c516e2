"""The error table, and the envelope around whatever goes wrong under /v3."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from contract.client import PICTURE
from contract.v3.client import BASE, V3Answer, V3Client, newcomer
from limner.api.v2 import errors as v2
from limner.api.v3.errors import ERRORS
from serving import Served, serving

NOBODY = "00000000-0000-4000-8000-000000000000"

# What differs from the table of v2: code, HTTP status, message.
OWN = {2: (401, "Invalid API key"), 2018: (400, "The task has expired"), 4001: (404, "The route is not found")}
NOT_HERE = {1002, *(code for code in v2.ERRORS if code >= 9000)}

# Not used by this API: 3D and multiview work, moderation before acceptance, retired names, and codes of failed tasks.
UNREACHED = {1001, 2002, 2005, 2006, 2008, 2011, 2012, 2014, 2015, 2016, 2018, 2021}


def test_the_table_is_that_of_v2_but_for_a_few_rows() -> None:
    shared = {code: row for code, row in v2.ERRORS.items() if code not in OWN.keys() | NOT_HERE}

    assert {code: ERRORS[code] for code in shared} == shared
    assert {code: (ERRORS[code].status, ERRORS[code].message) for code in ERRORS.keys() - shared.keys()} == OWN


@dataclass(frozen=True)
class Scene:
    """The callers that the provocations below need."""

    client: V3Client
    poor: V3Client
    reader: V3Client
    waiting_task: str


@pytest.fixture(scope="module")
def scene(idle: Served) -> Scene:
    client = newcomer(idle)
    return Scene(
        client=client,
        poor=newcomer(idle, credits=4),
        reader=newcomer(idle, scopes=("read",)),
        waiting_task=client.submit(),
    )


PROVOKED: dict[int, Callable[[Scene], V3Answer]] = {
    2: lambda scene: scene.client.as_(None).create(),
    1003: lambda scene: scene.client.post("/generation/text-to-image", b"{"),
    1004: lambda scene: scene.client.create(prompt=""),
    1005: lambda scene: scene.reader.create(),
    2001: lambda scene: scene.client.get(f"{BASE}/tasks/nothing"),
    2003: lambda scene: scene.client.upload(b""),
    2004: lambda scene: scene.client.upload(b"GIF89a"),
    2007: lambda scene: scene.client.create(input=scene.waiting_task),
    2009: lambda scene: scene.client.create(prompt="a cat \N{CAT FACE}"),
    2010: lambda scene: scene.poor.create(),
    2013: lambda scene: scene.client.create(priority=4),
    2017: lambda scene: scene.client.create(model="seedream_v6"),
    2019: lambda scene: scene.client.create(input=f"file_{NOBODY}"),
    2022: lambda scene: scene.client.upload(PICTURE + bytes(20 * 1024 * 1024)),
    4001: lambda scene: scene.client.get(f"{BASE}/nothing"),
}


@pytest.mark.parametrize("code", PROVOKED)
def test_a_refusal_has_its_row_of_the_table_in_the_envelope(scene: Scene, code: int) -> None:
    answer = PROVOKED[code](scene)

    assert answer.refusal == (ERRORS[code].status, code)
    assert answer.json["message"] == ERRORS[code].message
    assert answer.suggestion
    assert answer.headers["Content-Type"] == "application/json"


def test_every_code_is_either_provoked_or_known_to_be_out_of_reach() -> None:
    elsewhere = {1000, 1007, 2000}

    assert PROVOKED.keys() | elsewhere | UNREACHED == ERRORS.keys()


def test_too_many_tasks_get_retry_after(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--api-only", account_tasks="1") as server:
        client = V3Client(server.url, server.key)
        client.submit()
        answer = client.create()

    assert answer.refusal == (429, 2000)
    assert int(answer.headers["Retry-After"]) > 0


def test_a_success_has_its_data_and_no_message(client: V3Client) -> None:
    answer = client.get(f"{BASE}/account/balance")

    assert answer.data
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-ID"] == answer.headers["X-Tripo-Trace-ID"]


@pytest.mark.parametrize("path", ["", "/", "/nothing", "/tasks", "/tasks/a/b/c", "/generation", "/files/a/b/c", "/%00"])
def test_whatever_is_not_there_is_answered_in_the_envelope_of_v3(client: V3Client, path: str) -> None:
    answer = client.get(BASE + path)

    assert answer.refusal in {(404, 4001), (404, 2001)}
    assert answer.json["code"] == 4001 or path == "/%00"


@pytest.mark.parametrize("path", ["/v3x", "/v30/tasks", "/V3/tasks", "/v2/openapi/v3"])
def test_what_only_looks_like_v3_is_not(client: V3Client, path: str) -> None:
    assert client.v2.get(path).refusal == (404, 9404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/files", "POST"),
        ("GET", "/generation/text-to-image", "POST"),
        ("PUT", "/files/presign", "POST"),
        ("POST", "/account/balance", "GET, HEAD"),
        ("PATCH", f"/tasks/{NOBODY}", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_1003_and_lists_the_allowed_ones(
    client: V3Client, method: str, path: str, allowed: str
) -> None:
    answer = client.call(method, BASE + path, b"{}")

    assert answer.refusal == (405, 1003)
    assert ", ".join(sorted(answer.headers["Allow"].split(", "))) == allowed
    assert method in answer.suggestion


@pytest.mark.parametrize(
    "path", ["/generation/text-to-image", "/generation/image-to-image", "/tasks/list", "/files/presign"]
)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_wrong_content_type_is_1003(refusing: V3Client, path: str, kind: str) -> None:
    answer = refusing.post(path, {"prompt": "a cat"}, {"Content-Type": kind})

    assert answer.refusal == (400, 1003)
    assert "application/json" in answer.suggestion


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_a_content_type_may_say_more(waiting: V3Client, kind: str) -> None:
    assert waiting.post("/generation/text-to-image", {"prompt": "a cat"}, {"Content-Type": kind}).status == 200


def test_a_body_without_a_content_type_is_taken_for_json(waiting: V3Client) -> None:
    assert waiting.call("POST", f"{BASE}/generation/text-to-image", b'{"prompt":"a cat"}').status == 200
    assert waiting.post("/generation/text-to-image", {"prompt": "a cat"}, {"Content-Type": ""}).status == 200


MALFORMED = {
    "empty": b"",
    "no JSON": b"prompt=a+cat",
    "cut short": b'{"prompt":"a c',
    "a list": b'[{"prompt":"a cat"}]',
    "null": b"null",
    "NaN": b'{"prompt":"a","priority":NaN}',
    "invalid UTF-8": b'{"prompt":"caf\xe9"}',
    "deep lists": b'{"prompt":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "a million commas": b"[" + b"0," * 1_000_000 + b"0]",
    "half a pair in a name": b'{"prompt":"a","\\ud83d":1}',
    "half a pair unwanted": b'{"prompt":"a","negative_prompt":"dogs \\ud83d"}',
    "half a pair in an input": b'{"prompt":"a","input":"\\ud83d"}',
}


@pytest.mark.parametrize(
    "path", ["/generation/text-to-image", "/generation/image-to-image", "/tasks/list", "/files/presign"]
)
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_body_that_is_no_json_object_is_malformed(refusing: V3Client, path: str, body: bytes) -> None:
    answer = refusing.post(path, body)

    assert answer.refusal == (400, 1003)
    assert len(answer.suggestion) < 500


def test_a_body_of_thirty_megabytes_is_refused(refusing: V3Client) -> None:
    answer = refusing.post("/generation/text-to-image", b" " * (30 * 1024 * 1024))

    assert answer.refusal == (400, 1003)
    assert "28 MB" in answer.suggestion


def test_a_fault_of_ours_is_answered_in_the_envelope_of_v3(tmp_path: Path) -> None:
    with serving(tmp_path / "data", log_level="error") as server:
        with closing(sqlite3.connect(server.data / "limner.db")) as connection:
            connection.executescript("ALTER TABLE ledger RENAME TO away; ALTER TABLE uploads RENAME TO away_too")
        client = V3Client(server.url, server.key)
        link = client.presign()["presigned_url"]
        answers = [client.create(), client.upload(PICTURE), client.put(link)]

    assert [answer.refusal for answer in answers] == [(500, 1000)] * 3
    assert all(answer.json["request_id"] in answer.suggestion for answer in answers)
    assert not [word for word in (b"sqlite", b"ledger", b"Traceback", b".py") for a in answers if word in a.body]
