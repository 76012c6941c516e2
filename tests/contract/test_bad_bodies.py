"""Bodies that are no task: each is refused with a sentence that helps, and leaves nothing behind."""

import contextlib
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from contract.client import BASE, Answer, Client, footprint, newcomer
from serving import Served

MIB = 1024 * 1024
SURROGATE = "\\ud83d"


@pytest.fixture(scope="module")
def client(idle: Served) -> Client:
    return newcomer(idle)


@pytest.fixture(autouse=True)
def nothing_is_left(idle: Served) -> Iterator[None]:
    before = footprint(idle)
    yield
    assert footprint(idle) == before


MALFORMED = {
    "empty": b"",
    "blank": b"   ",
    "no JSON": b"prompt=a+cat",
    "cut short": b'{"type":"generate_image","prompt":"a c',
    "a list": b'[{"type":"generate_image","prompt":"a cat"}]',
    "a string": b'"generate_image"',
    "a number": b"5",
    "null": b"null",
    "two objects": b'{"type":"generate_image","prompt":"a"}{"type":"generate_image","prompt":"b"}',
    "a trailing comma": b'{"type":"generate_image","prompt":"a",}',
    "single quotes": b"{'type':'generate_image','prompt':'a'}",
    "NaN": b'{"type":"generate_image","prompt":"a","priority":NaN}',
    "Infinity": b'{"type":"generate_image","prompt":"a","priority":-Infinity}',
    "invalid UTF-8": b'{"type":"generate_image","prompt":"caf\xe9"}',
    "an overlong slash": b'{"type":"generate_image","prompt":"\xc0\xaf"}',
    "a line break in a string": b'{"type":"generate_image","prompt":"a\ncat"}',
    "deep lists": b'{"type":"generate_image","prompt":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "deep objects": b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
    "deep and unfinished": b"[" * (20 * MIB),
    "a million commas": b"[" + b"0," * 1_000_000 + b"0]",
    "a million members": b"{" + b",".join(b'"%d":1' % n for n in range(1_000_000)) + b"}",
    "a task of a million members": (
        b'{"type":"generate_image","prompt":"a",' + b",".join(b'"%d":1' % n for n in range(1_000_000)) + b"}"
    ),
    "a number of a million digits": b'{"type":"generate_image","prompt":"a","priority":' + b"9" * 1_000_000 + b"}",
    "an exponent too far": b'{"type":"generate_image","prompt":"a","priority":1e999999}',
    "half a pair in a name": f'{{"type":"generate_image","prompt":"a","{SURROGATE}":1}}'.encode(),
    "half a pair as token": f'{{"type":"generate_image","prompt":"a","file":{{"file_token":"{SURROGATE}"}}}}'.encode(),
    "half a pair in a hint": (
        f'{{"type":"generate_image","prompt":"a","file":{{"type":"{SURROGATE}","url":"https://a.example/"}}}}'.encode()
    ),
    "half a pair in what is ignored": f'{{"type":"generate_image","prompt":"a","b":["{SURROGATE}"]}}'.encode(),
    "half a pair unwanted": (f'{{"type":"text_to_image","prompt":"a","negative_prompt":"dogs {SURROGATE}"}}'.encode()),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_body_that_is_no_json_object_is_malformed(client: Client, body: bytes) -> None:
    answer = client.post("/task", body)

    assert answer.refusal in {(400, 1003), (400, 1004)}
    assert answer.json["code"] == 1003 or "priority" in answer.suggestion
    assert len(answer.suggestion) < 500


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_form_is_no_task(client: Client, kind: str) -> None:
    answer = client.post("/task", b"type=generate_image&prompt=a", {"Content-Type": kind})

    assert answer.refusal == (400, 1003)


def test_half_a_surrogate_pair_in_the_prompt_is_an_invalid_character(client: Client) -> None:
    answer = client.post("/task", f'{{"type":"generate_image","prompt":"a cat {SURROGATE}"}}'.encode())

    assert answer.refusal == (400, 2009)
    assert "U+D83D at position 7" in answer.suggestion


# --- bodies that are too large ------------------------------------------------------------------------------------


def too_large() -> bytes:
    return json.dumps({"type": "generate_image", "prompt": "a", "file": {"data": "A" * (30 * MIB)}}).encode()


def test_a_body_of_thirty_megabytes_is_refused(client: Client) -> None:
    answer = client.post("/task", too_large())

    assert answer.refusal == (400, 1003)
    assert "28 MB" in answer.suggestion
    assert "/upload" in answer.suggestion


def test_a_body_of_thirty_megabytes_is_refused_when_it_does_not_say_so(client: Client) -> None:
    body = too_large()
    pieces = (body[at : at + MIB] for at in range(0, len(body), MIB))
    answer = client.call("POST", f"{BASE}/task", pieces, {"Content-Type": "application/json"})

    assert answer.refusal == (400, 1003)
    assert "28 MB" in answer.suggestion


def test_expect_100_continue_is_refused_for_thirty_megabytes(client: Client) -> None:
    status, rest = ask_first(client, 30 * MIB)

    assert status.startswith("HTTP/1.1 400")
    assert json.loads(rest)["code"] == 1003


def test_expect_100_continue_is_answered_for_a_task(client: Client) -> None:
    body = b'{"type":"generate_image","prompt":"","x":1}'
    status, rest = ask_first(client, len(body), body)

    assert status.startswith("HTTP/1.1 100")
    assert json.loads(rest)["code"] == 1004


def test_a_body_that_never_ends_is_cut_off(client: Client) -> None:
    """It is read no further than 64 MB past the limit; whoever sends on finds the connection closed."""

    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield b" " * MIB

    answer: Answer | None = None
    with contextlib.suppress(ConnectionError):
        answer = client.call("POST", f"{BASE}/task", endless())

    assert answer is None or answer.refusal == (400, 1003)
    assert client.get("/healthz").status == 200


def ask_first(client: Client, length: int, body: bytes = b"") -> tuple[str, str]:
    """The first line a client hears that sends `Expect: 100-continue`, and the body of the final answer."""
    host, port = urlsplit(client.url).hostname, urlsplit(client.url).port
    with socket.create_connection((host, port), timeout=30) as connection:
        head = f"POST {BASE}/task HTTP/1.1\r\nHost: limner\r\nAuthorization: Bearer {client.key}\r\n"
        expect = f"Content-Type: application/json\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n"
        connection.sendall(f"{head}{expect}Connection: close\r\n\r\n".encode())
        response = connection.makefile("rb")
        status = response.readline().decode()
        if status.startswith("HTTP/1.1 100"):
            assert response.readline() == b"\r\n"
            connection.sendall(body)
        rest = response.read()
    return status, rest.partition(b"\r\n\r\n")[2].decode()
