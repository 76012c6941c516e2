"""Slow clients are disconnected and delay no other client."""

import contextlib
import json
from collections.abc import Iterator

import pytest

from contract.client import BASE, TIMEOUT_S, Client, client_of
from contract.wire import Wire, status, wire
from serving import Served, serving

CREATE = json.dumps({"type": "generate_image", "prompt": "a fox"}).encode()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with short timeouts."""
    with serving(tmp_path_factory.mktemp("curt"), "--api-only", slow_client_s="0.5", connections="60") as server:
        yield server


@pytest.fixture
def line(strict: Served) -> Iterator[Wire]:
    with wire(strict) as line:
        yield line


def refusal(answer: bytes) -> tuple[int, int]:
    said = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert set(said) == {"code", "message", "suggestion"}
    return status(answer), said["code"]


# --- heads ------------------------------------------------------------------------------------------------------------


def test_a_silent_connection_is_timed_out(line: Wire) -> None:
    assert line.rest() == b""


def test_an_incomplete_head_is_timed_out(line: Wire) -> None:
    line.send(b"GET /healthz HTTP/1.1\r\nHost: limner\r\nX-Slow: ")

    assert line.rest() == b""


@pytest.mark.parametrize("piece", [b"a", b"x: y\r\n"], ids=["a letter", "a header"])
def test_a_head_in_small_pieces_is_timed_out(line: Wire, piece: bytes) -> None:
    line.send(b"GET /healthz HTTP/1.1\r\nHost: limner\r\n" + piece)

    assert line.trickle(piece) == b""


def test_line_breaks_alone_are_timed_out(line: Wire) -> None:
    line.send(line.head("GET", "/healthz"))
    answer = line.answer()

    assert status(answer) == 200
    assert line.trickle(b"\r\n") == b""


def test_a_head_without_an_end_is_refused_before_it_fills_memory(line: Wire) -> None:
    line.send(b"GET /healthz HTTP/1.1\r\nHost: limner\r\n")
    with contextlib.suppress(ConnectionError):
        for _ in range(1000):
            line.send(b"x: " + b"y" * 1000 + b"\r\n")
    answer = line.rest()

    assert not answer or refusal(answer) == (431, 1003)


def test_a_path_of_a_hundred_kilobytes_is_refused(line: Wire) -> None:
    line.send(b"GET /" + b"a" * 100_000)

    assert refusal(line.rest()) == (431, 1003)


def test_a_malformed_head_is_refused_in_the_envelope(line: Wire) -> None:
    line.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello?\r\n\r\n")
    answer = line.rest()

    assert refusal(answer) == (400, 1003)
    assert b"x-tripo-trace-id: " in answer.lower()
    assert b"\r\nconnection: close\r\n" in answer.lower()


# --- bodies -----------------------------------------------------------------------------------------------------------


def test_a_body_that_stops_coming_is_refused(line: Wire) -> None:
    line.send(line.post(f"Content-Length: {len(CREATE)}") + CREATE[:-1])
    answer = line.rest()

    assert refusal(answer) == (408, 1003)
    assert b"connection: close" in answer.lower()


def test_a_body_that_comes_bit_by_bit_is_refused(line: Wire) -> None:
    line.send(line.post("Content-Length: 1000000"))

    assert refusal(line.trickle(b"a")) == (408, 1003)


def test_chunks_that_come_bit_by_bit_are_refused(line: Wire) -> None:
    line.send(line.post("Transfer-Encoding: chunked"))

    assert refusal(line.trickle(b"1\r\na\r\n")) == (408, 1003)


def test_an_upload_that_stops_coming_is_refused_and_leaves_nothing(strict: Served, line: Wire) -> None:
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + b"\x89PNG" * 1000
    head = line.head("POST", f"{BASE}/upload", "Content-Type: multipart/form-data; boundary=b", "Content-Length: 99999")
    line.send(head + form)

    assert refusal(line.rest()) == (408, 1003)
    assert [path for path in (strict.data / "scratch").rglob("upload-*")] == []  # noqa: C416


def test_a_body_too_large_to_be_taken_is_not_waited_for_either(line: Wire) -> None:
    line.send(line.post("Content-Length: 99999999", auth=False))

    assert refusal(line.rest()) == (408, 1003)


def test_data_after_the_response_is_timed_out(line: Wire) -> None:
    line.send(line.post("Content-Length: 1000000", auth=False))
    answer = line.answer()

    assert refusal(answer) == (401, 1002)
    assert line.trickle(b"a") == b""


def test_a_body_that_ends_after_its_answer_leaves_a_good_connection(line: Wire) -> None:
    line.send(line.post("Content-Length: 10", auth=False))
    first = line.answer()
    line.send(b"0123456789" + line.head("GET", "/healthz"))

    assert (status(first), status(line.answer())) == (401, 200)


def test_trailers_without_an_end_fill_no_memory(line: Wire) -> None:
    line.send(line.post("Transfer-Encoding: chunked") + b"1\r\n{\r\n0\r\n")
    with contextlib.suppress(ConnectionError):
        for _ in range(1000):
            line.send(b"x: " + b"y" * 1000 + b"\r\n")
    answer = line.rest()

    assert not answer or refusal(answer) == (431, 1003)


def test_two_requests_at_once_are_both_answered_and_then_the_line_waits(line: Wire) -> None:
    line.send(line.head("GET", "/healthz") * 2 + b"GET /healthz HTTP/1.1\r\nHost: ")
    answers = [line.answer(), line.answer()]

    assert [status(answer) for answer in answers] == [200, 200]
    assert line.rest() == b""


def test_a_lying_length_takes_no_more_than_it_said(strict: Served, line: Wire) -> None:
    """What follows it is a request that is none, and the end."""
    line.send(line.post(f"Content-Length: {len(CREATE)}") + CREATE + b"and more of it\r\n\r\n")
    answers = line.rest()

    assert status(answers) == 200
    assert answers.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answers
    assert client_of(strict).get("/healthz").status == 200


@pytest.mark.parametrize("headers", [("Content-Length: 5", "Transfer-Encoding: chunked"), ("Content-Length: 5, 6",)])
def test_two_lengths_are_no_request(line: Wire, headers: tuple[str, ...]) -> None:
    line.send(line.post(*headers) + b"0\r\n\r\n")

    assert status(line.rest()) == 400


# --- answers, and how many --------------------------------------------------------------------------------------------


def test_a_client_that_does_not_read_a_large_response_is_reset(strict: Served) -> None:
    with wire(strict, receive_buffer=4096) as line:
        line.send(line.head("GET", "/openapi.json") * 400)  # some megabytes more than any buffer holds

        assert line.was_hung_up()
    assert client_of(strict).get("/healthz").status == 200


def test_connections_over_the_limit_are_refused_until_one_closes(strict: Served) -> None:
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(wire(strict)) for _ in range(70)]
        reported = [line.rest() for line in lines]

    refused = [answer for answer in reported if answer]
    assert 10 <= len(refused) < 70
    assert {refusal(answer) for answer in refused} == {(503, 1007)}
    assert all(b"retry-after: 1" in answer for answer in refused)
    assert Client(strict.url, strict.key).get("/healthz").status == 200


def test_a_watcher_is_no_slow_client(strict: Served) -> None:
    """A WebSocket stays open although its client says nothing for longer than a request may take."""
    headers = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
    headers.append("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
    with wire(strict) as watcher, wire(strict) as silent:
        watcher.send(watcher.head("GET", f"{BASE}/task/watch/all", *headers))
        frames = watcher.socket.recv(4096)
        assert silent.rest() == b""  # so long
        task = client_of(strict).submit()
        while task.encode() not in frames and (more := watcher.socket.recv(4096)):
            frames += more

    assert frames.startswith(b"HTTP/1.1 101 ")
    assert task.encode() in frames


def test_a_server_with_long_timeouts_takes_a_slow_body(idle: Served) -> None:
    with wire(idle) as line:
        line.send(line.post(f"Content-Length: {len(CREATE)}"))
        for at in range(len(CREATE)):
            line.send(CREATE[at : at + 1])

        assert line.socket.gettimeout() == TIMEOUT_S
        assert status(line.answer()) == 200
