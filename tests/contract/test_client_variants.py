"""What clients send in other forms than most: media types, charsets, compression, base64, paths and prompts."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from contract.client import BASE, PICTURE, Client, footprint, newcomer
from serving import Served

TASK = {"type": "generate_image", "prompt": "ein Bär, 一只猫"}


@pytest.fixture(scope="module")
def client(idle: Served) -> Client:
    return newcomer(idle)


@pytest.fixture
def refusing(idle: Served, client: Client) -> Iterator[Client]:
    before = footprint(idle)
    yield client
    assert footprint(idle) == before


# --- bodies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("charset", ["utf-16", "UTF-16LE", "utf-32", "gb18030", "GBK", '"utf-8"', "utf8", "big5hkscs"])
def test_a_body_in_a_declared_charset_is_decoded(client: Client, charset: str) -> None:
    task = TASK | {"prompt": "a cat, 一只"}
    body = json.dumps(task, ensure_ascii=False).encode(charset.strip('"'))

    created = client.post("/task", body, {"Content-Type": f"application/json; charset={charset}"})

    assert client.task(created.data["task_id"])["prompt"] == task["prompt"]


def test_latin_1_is_not_read_as_utf_8(client: Client) -> None:
    body = json.dumps(TASK | {"prompt": "ein Bär"}, ensure_ascii=False).encode("latin-1")

    created = client.post("/task", body, {"Content-Type": "application/json; charset=ISO-8859-1"})

    assert client.task(created.data["task_id"])["prompt"] == "ein Bär"


@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), ("GZIP", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress)],
)
def test_a_compressed_body_is_decompressed(client: Client, coding: str, pack: Callable[[bytes], bytes]) -> None:
    body = pack(json.dumps(TASK).encode())

    created = client.post("/task", body, {"Content-Encoding": coding})

    assert client.task(created.data["task_id"])["prompt"] == TASK["prompt"]


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({"Content-Encoding": "br"}, "'br'"),
        ({"Content-Encoding": "gzip, br"}, "'gzip, br'"),
        ({"Content-Type": "application/json; charset=klingon"}, "'klingon'"),
        ({"Content-Type": "application/json; charset=idna"}, "'idna'"),
        ({"Content-Type": "application/json; charset=hex"}, "'hex'"),
    ],
)
def test_what_cannot_be_decoded_is_415_and_says_why(refusing: Client, headers: dict[str, str], word: str) -> None:
    answer = refusing.post("/task", json.dumps(TASK).encode(), headers)

    assert answer.refusal == (415, 1003)
    assert word in answer.suggestion


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Encoding": "gzip"}, b"{}"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"{}")[:-4]),
        ({"Content-Encoding": "gzip, gzip"}, gzip.compress(b"{}")),
        ({"Content-Encoding": "gzip"}, gzip.compress(bytes(29 * 1024 * 1024))),
        ({"Content-Type": "application/json; charset=utf-16"}, b"{"),
    ],
)
def test_a_body_that_is_not_what_it_declares_is_malformed(
    refusing: Client, headers: dict[str, str], body: bytes
) -> None:
    assert refusing.post("/task", body, headers).refusal == (400, 1003)


# --- paths --------------------------------------------------------------------------------------------------------


def test_a_path_with_a_trailing_slash_is_answered_without_a_redirect(client: Client) -> None:
    created = client.post("/task/", TASK, {"Host": "evil.example"})

    assert created.status == 200
    assert client.get(f"{BASE}/task/{created.data['task_id']}/").data["prompt"] == TASK["prompt"]
    assert client.get("/healthz/", auth=False).status == 200


@pytest.mark.parametrize("path", ["/nowhere/", f"{BASE}/", "/v3/nothing/", "//"])
def test_an_unknown_path_with_a_trailing_slash_is_not_redirected(client: Client, path: str) -> None:
    answer = client.call("POST", f"{client.url}{path}", b"{}", {"Host": "evil.example"})

    assert answer.status in {404, 405}
    assert "location" not in answer.headers


# --- inline pictures ----------------------------------------------------------------------------------------------


def _wrapped(text: str) -> str:
    return "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))


@pytest.mark.parametrize(
    "spelling",
    [
        _wrapped,
        lambda text: text.rstrip("="),
        lambda text: text.replace("+", "-").replace("/", "_"),
        lambda text: _wrapped(text.replace("+", "-").replace("/", "_").rstrip("=")) + "\n",
        lambda text: f"DATA:image/png;base64,{text}",
    ],
    ids=["wrapped", "unpadded", "URL-safe", "all three", "data URL"],
)
@pytest.mark.parametrize("tail", [b"", b"x", b"xx"], ids=["0", "1", "2"])
def test_base64_is_taken_in_every_spelling(client: Client, spelling: Callable[[str], str], tail: bytes) -> None:
    data = spelling(base64.b64encode(PICTURE + tail).decode())

    assert client.create(file={"data": data}).status == 200


@pytest.mark.parametrize("data", ["=", "a", "aaaaa", "aa$a", "ä", "\0aaa"])
def test_what_is_not_base64_is_refused(refusing: Client, data: str) -> None:
    answer = refusing.create(file={"data": data})

    assert answer.status == 400
    assert answer.suggestion.startswith("file.data: ")


@pytest.mark.parametrize("file", ["https://example.org/a.png", "a-token", 1, ["https://example.org/a.png"]])
@pytest.mark.parametrize("field", ["file", "files[0]"])
def test_a_file_that_is_not_an_object_is_refused_with_an_example(refusing: Client, file: Any, field: str) -> None:
    answer = refusing.create(**({"file": file} if field == "file" else {"files": [file]}))

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith(f"{field} is invalid: a file is an object")
    assert '{"url": "https://…"}' in answer.suggestion
    assert "FileRef" not in answer.suggestion


@pytest.mark.parametrize("body", [{"file": {"object": "key"}}, {"file": {"object": ["key"]}}])
def test_no_refusal_names_a_class_of_ours(refusing: Client, body: Any) -> None:
    answer = refusing.create(**body)

    assert answer.refusal == (400, 1004)
    assert "ObjectRef" not in answer.suggestion


@pytest.mark.parametrize(("length", "status"), [(2049, 200), (8192, 200), (8193, 400)])
def test_a_url_may_have_8_kib(client: Client, length: int, status: int) -> None:
    url = "https://example.org/".ljust(length, "a")

    assert client.create(file={"url": url}).status == status


# --- prompts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["\u200b", "\u3164\u3164", "\ufeff", "\u00ad", " \u200b\n", "\u2800"])
def test_a_prompt_of_nothing_visible_is_empty(refusing: Client, prompt: str) -> None:
    answer = refusing.create(prompt=prompt)

    assert answer.refusal == (400, 1004)
    assert "is empty" in answer.suggestion


def test_a_prompt_of_nothing_visible_may_stand_beside_a_template(client: Client) -> None:
    picture = {"data": base64.b64encode(PICTURE).decode()}

    assert client.create(prompt="\u200b", template="action-figure", file=picture).status in {200, 400}


@pytest.mark.parametrize("prompt", ["像image［2］一样", "像image【２】一样"])
def test_a_full_width_picture_number_is_checked(refusing: Client, prompt: str) -> None:
    answer = refusing.create(prompt=prompt, file={"data": base64.b64encode(PICTURE).decode()})

    assert answer.refusal == (400, 1004)
    assert "image[1]" in answer.suggestion
