"""Requests that offer to go on in HTTP/2 are answered in HTTP/1.1, body and all."""

import json
from collections.abc import Iterator

import pytest

from contract.client import BASE
from contract.wire import Wire, status, wire
from serving import Served

H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")
BODY = json.dumps({"type": "generate_image", "prompt": "a fox"}).encode()
SIZE = f"Content-Length: {len(BODY)}"


@pytest.fixture
def line(idle: Served) -> Iterator[Wire]:
    with wire(idle) as line:
        yield line


def is_created(answer: bytes) -> bool:
    return status(answer) == 200 and "task_id" in json.loads(answer.partition(b"\r\n\r\n")[2])["data"]


@pytest.mark.parametrize("pieces", [1, 2, 5, 100])
def test_a_body_behind_an_offer_of_http_2_is_read(line: Wire, pieces: int) -> None:
    request = line.post(*H2C, SIZE) + BODY
    step = -(-len(request) // pieces)

    for at in range(0, len(request), step):
        line.send(request[at : at + step])

    assert is_created(line.answer())


@pytest.mark.parametrize("upgrade", ["h2c", "TLS/1.0", "h2c, websocket", "nonsense"])
def test_a_connection_goes_on_after_an_ignored_offer(line: Wire, upgrade: str) -> None:
    offer = ("Connection: Upgrade", f"Upgrade: {upgrade}")

    line.send(line.post(*offer, SIZE) + BODY + line.post(*offer, SIZE) + BODY + line.head("GET", "/healthz", *offer))

    assert [is_created(line.answer()) for _ in range(2)] == [True, True]
    assert status(line.answer()) == 200


def test_a_body_in_chunks_behind_an_offer_is_read(line: Wire) -> None:
    chunk = f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\nX-Trailer: a\r\n\r\n"

    line.send(line.post(*H2C, "Transfer-Encoding: chunked") + chunk)

    assert is_created(line.answer())


def test_the_framing_of_a_request_with_an_offer_is_judged_as_ever(line: Wire) -> None:
    line.send(line.post(*H2C, SIZE, "Content-Length: 1") + BODY)

    assert status(line.rest()) == 400


def test_an_offer_beside_expect_is_asked_for_the_body(line: Wire) -> None:
    line.send(line.post(*H2C, SIZE, "Expect: 100-continue"))
    head = line.socket.recv(65536)
    line.send(BODY)

    assert head.startswith(b"HTTP/1.1 100")
    assert is_created(line.answer())


def test_a_tunnel_is_refused(line: Wire) -> None:
    line.send(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n")

    assert status(line.answer()) in {400, 404, 405}


def test_http_2_with_prior_knowledge_is_refused(line: Wire) -> None:
    line.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

    assert status(line.rest()) == 400


def test_a_websocket_without_a_watch_is_not_found(line: Wire) -> None:
    line.send(line.head("GET", f"{BASE}/nowhere", "Connection: Upgrade", "Upgrade: websocket"))

    assert status(line.answer()) in {400, 404, 426}
