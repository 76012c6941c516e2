"""Every answer has a trace id, and a fault of the server's own has the envelope."""

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from contract.client import BASE, PICTURE, Answer, Client, client_of
from serving import Served, serving

TRACE = "X-Tripo-Trace-ID"

ANSWERS: dict[str, Callable[[Client], Answer]] = {
    "a success": lambda client: client.get(f"{BASE}/user/balance"),
    "a created task": lambda client: client.create(),
    "an upload": lambda client: client.upload(PICTURE),
    "no key": lambda client: client.as_(None).get(f"{BASE}/user/balance"),
    "a refused body": lambda client: client.post("/task", b"["),
    "a body too large": lambda client: client.post("/task", bytes(29 * 1024 * 1024)),
    "an unknown task": lambda client: client.get(f"{BASE}/task/none"),
    "an unknown route": lambda client: client.get("/nowhere"),
    "a wrong method": lambda client: client.call("PATCH", f"{BASE}/task"),
    "health": lambda client: client.get("/healthz", auth=False),
    "readiness": lambda client: client.get("/readyz", auth=False),
    "the document": lambda client: client.get("/openapi.json", auth=False),
    "the page": lambda client: client.get("/docs", auth=False),
    "a link that was changed": lambda client: client.get("/files/a/b/generated_image.png?exp=1&sig=2", auth=False),
}


def is_trace(value: str | None) -> bool:
    return value is not None and str(uuid.UUID(value)) == value


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_has_a_trace_id(client: Client, answer: Callable[[Client], Answer]) -> None:
    assert is_trace(answer(client).headers[TRACE])


def test_a_download_has_a_trace_id_whatever_part_is_asked_for(client: Client) -> None:
    url = client.done()["output"]["generated_image"]
    etag = client.get(url).headers["ETag"]
    asked = [{}, {"Range": "bytes=0-9"}, {"Range": "bytes=999999-"}, {"If-None-Match": etag}]
    answers = [client.get(url, headers, auth=False) for headers in asked]

    assert [answer.status for answer in answers] == [200, 206, 416, 304]
    assert all(is_trace(answer.headers[TRACE]) for answer in answers)


def test_no_two_answers_share_a_trace_id(client: Client) -> None:
    traces = {client.get("/healthz").headers[TRACE] for _ in range(20)}

    assert len(traces) == 20


def test_a_trace_id_sent_by_the_caller_is_not_taken_over(client: Client) -> None:
    sent = str(uuid.uuid4())

    assert client.get("/healthz", {TRACE: sent}).headers[TRACE] != sent


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose database has lost the tables of the ledger and of the uploads."""
    with serving(tmp_path_factory.mktemp("broken"), log_level="error") as server:
        with closing(sqlite3.connect(server.data / "limner.db")) as connection:
            connection.executescript("ALTER TABLE ledger RENAME TO away; ALTER TABLE uploads RENAME TO away_too")
        yield server


@pytest.mark.parametrize("call", [lambda c: c.create(), lambda c: c.upload(PICTURE)], ids=["create", "upload"])
def test_a_fault_of_ours_is_answered_in_the_envelope(broken: Served, call: Callable[[Client], Answer]) -> None:
    answer = call(client_of(broken))

    assert answer.refusal == (500, 1000)
    assert answer.json["message"] == "Unknown error on sever side"
    assert answer.headers["Content-Type"] == "application/json"
    assert is_trace(answer.headers[TRACE])
    assert answer.headers[TRACE] in answer.suggestion


def test_an_internal_error_reveals_no_internals(broken: Served) -> None:
    body = client_of(broken).create().body

    assert not [word for word in (b"sqlite", b"ledger", b"Traceback", b".py", b"table") if word in body]


def test_a_fault_while_a_task_is_accepted_undoes_all_of_it(broken: Served) -> None:
    with closing(sqlite3.connect(broken.data / "limner.db")) as connection:
        before = connection.execute("SELECT count(*) FROM tasks").fetchone()
        answer = client_of(broken).create()
        after = connection.execute("SELECT count(*) FROM tasks").fetchone()

    assert answer.status == 500
    assert after == before
    assert client_of(broken).balance() == (10_000, 0)
