"""Servers and workers as processes: starting, stopping, and handing over."""

import os
import pty
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from contract.client import TIMEOUT_S, client_of
from postgres import dies_with_parent
from serving import Served, first_object, serving


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@contextmanager
def working(served: Served) -> Iterator["subprocess.Popen[str]"]:
    """A `limner worker` on the same data folder, from its first sign of life on."""
    command = [sys.executable, "-m", "limner", "worker", "--data", str(served.data), "--json"]
    process = subprocess.Popen(
        [*dies_with_parent(), *command], env=served.environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        ready = first_object(process)
        assert ready["ready"] is True
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)
        process.stdout.close()


def status_in(data: Path, task_id: str) -> str:
    """What the database says of a task, whoever runs or does not."""
    with closing(sqlite3.connect(data / "limner.db")) as connection:
        return str(connection.execute("SELECT status FROM tasks WHERE id = ?", (task_id,)).fetchone()[0])


def test_a_stopping_server_finishes_its_running_tasks(data: Path) -> None:
    with serving(data, sandbox_delay_s="1.5") as server:
        client = client_of(server)
        task_id = client.submit()
        client.wait(task_id, "running")
        ended = server.stop()

    assert ended == 0
    assert status_in(data, task_id) == "success"


def wait_until_ordered(server: Served, task: str) -> None:
    """Until the handle of the order is journaled: an order without one is not taken up again."""
    deadline = time.monotonic() + TIMEOUT_S
    while [each["state"] for each in server.cli("tasks", "explain", task)["attempts"]] != ["submitted"]:
        assert time.monotonic() < deadline


def test_a_stopping_server_hands_back_what_it_cannot_finish_and_the_next_one_does(data: Path) -> None:
    with serving(data, sandbox_delay_s="4", drain_s="0") as server:
        key, task_id = server.key, client_of(server).submit()
        client_of(server).wait(task_id, "running")
        wait_until_ordered(server, task_id)
        ended = server.stop()
    left = status_in(data, task_id)
    with serving(data, sandbox_delay_s="4") as server:
        task = client_of(server).as_(key).wait(task_id)
        reported = server.cli("tasks", "explain", task_id)
        proved = server.cli("credits", "prove")["proved"]

    assert ended == 0
    assert left == "running"
    assert (task["status"], task["consumed_credit"]) == ("success", 5)
    assert len(reported["attempts"]) == 1
    assert proved is True


def test_an_interrupted_server_ends_as_a_stopped_one_does(data: Path) -> None:
    with serving(data) as server:
        client_of(server).done()
        server.process.send_signal(signal.SIGINT)
        ended = server.process.wait(60)

    assert ended in {0, 130, -signal.SIGINT}
    assert not list((data / "scratch").rglob("*"))


def test_a_worker_takes_the_tasks_that_a_server_only_accepts(data: Path) -> None:
    with serving(data, "--api-only") as server:
        client = client_of(server)
        early = client.submit()
        before = client.task(early)["status"]
        with working(server) as worker:
            first, second = client.wait(early), client.done(prompt="while it works")
            worker.send_signal(signal.SIGTERM)
            ended = worker.wait(60)

    assert before == "queued"
    assert (first["status"], second["status"]) == ("success", "success")
    assert ended == 0


def test_two_workers_share_the_tasks_and_run_each_once(data: Path) -> None:
    with serving(data, "--api-only", account_tasks="1000") as server:
        client = client_of(server)
        tasks = [client.submit(prompt=f"number {n}") for n in range(40)]
        with working(server), working(server):
            done = [client.wait(task)["status"] for task in tasks]
        balance = client.balance()
        with closing(sqlite3.connect(data / "limner.db")) as connection:
            attempts = connection.execute("SELECT task, count(*) FROM attempts GROUP BY task").fetchall()

    assert done == ["success"] * 40
    assert sorted(attempts) == sorted((task, 1) for task in tasks)
    assert balance == (10_000 - 40 * 5, 0)


def test_a_task_of_a_killed_worker_is_finished_by_the_next(data: Path) -> None:
    with serving(data, "--api-only", sandbox_delay_s="2") as server:
        client = client_of(server)
        task_id = client.submit()
        with working(server) as worker:
            client.wait(task_id, "running")
            worker.kill()
            worker.wait(60)
        with working(server):
            task = client.wait(task_id)
        balance = client.balance()

    assert (task["status"], task["consumed_credit"]) == ("success", 5)
    assert balance == (9_995, 0)


def test_a_first_start_makes_an_account_and_a_key_and_a_second_does_not(data: Path) -> None:
    with serving(data) as server:
        first, accounts = server.key, server.cli("accounts", "list")
    with serving(data) as server:
        second = server.key

    assert first is not None
    assert first.startswith("tsk_")
    assert [(each["account"], each["balance"]) for each in accounts] == [("local", 10_000)]
    assert second is None


def test_a_start_on_a_terminal_says_where_it_is_and_shows_the_key(data: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")}
    command = [sys.executable, "-m", "limner", "serve", "--port", "0", "--data", str(data)]
    terminal, inside = pty.openpty()
    process = subprocess.Popen(command, env=environment | {"LIMNER_ENGINE": "sandbox", "NO_COLOR": "1"}, stderr=inside)
    os.close(inside)
    with os.fdopen(terminal) as lines:
        reported = "".join(iter_until(lines, "is ready at"))
        process.terminate()
        process.wait(60)

    assert "tsk_" in reported
    assert "10000 credits" in reported
    assert "http://127.0.0.1:" in reported
    assert "/docs" in reported


def iter_until(lines: Iterator[str], word: str) -> Iterator[str]:
    for line in lines:
        yield line
        if word in line:
            return


def test_a_port_in_use_is_reported_before_anything_is_made(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", "limner", "serve", "--port", str(port), "--data", str(data)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)

    assert run.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in run.stderr
    assert "--port" in run.stderr
    assert not data.exists()


def test_the_secret_is_readable_by_its_owner_alone(data: Path) -> None:
    with serving(data):
        mode = (data / "secret").stat().st_mode & 0o777

    assert mode == 0o600


def test_requests_in_flight_are_answered_before_the_server_stops(data: Path) -> None:
    with serving(data) as server:
        client = client_of(server)
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as connection:
            head = f"POST /v2/openapi/task HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {client.key}\r\n"
            body = b'{"type":"generate_image","prompt":"late"}'
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:10])
            client.get("/healthz")  # by its answer, what was sent before has been read
            server.process.send_signal(signal.SIGTERM)
            connection.sendall(body[10:])
            answer = connection.recv(65536)
        ended = server.process.wait(60)

    assert answer.startswith(b"HTTP/1.1 200")
    assert ended == 0


def test_a_draining_server_answers_reads_and_says_that_it_drains(data: Path) -> None:
    with serving(data, sandbox_delay_s="3", drain_s="30") as server:
        client = client_of(server)
        task_id = client.submit()
        client.wait(task_id, "running")
        server.process.send_signal(signal.SIGTERM)
        ready = client.get("/readyz", auth=False)
        while ready.status == 200:
            ready = client.get("/readyz", auth=False)
        task = client.task(task_id)
        ended = server.process.wait(60)

    assert (ready.status, ready.json["status"]) == (503, "draining")
    assert task["status"] in {"running", "success"}
    assert ended == 0
    assert status_in(data, task_id) == "success"


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_second_signal_ends_a_drain_at_once(data: Path, command: str) -> None:
    with ExitStack() as stack:
        arguments = ["--api-only"] if command == "worker" else []
        server = stack.enter_context(serving(data, *arguments, sandbox_delay_s="60", drain_s="60"))
        process = server.process if command == "serve" else stack.enter_context(working(server))
        client = client_of(server)
        task_id = client.submit()
        client.wait(task_id, "running")
        while process.poll() is None:  # signals that arrive together count as one
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
        left = status_in(data, task_id)

    assert left == "running"  # the next worker takes it over


STARTS_A_SERVER = """
import sys
from pathlib import Path
from serving import serving

with serving(Path(sys.argv[1])) as served:
    print(served.process.pid, flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(not dies_with_parent(), reason="setpriv of util-linux is missing")
def test_a_server_of_the_tests_ends_with_a_test_process_that_is_killed(data: Path) -> None:
    tests = str(Path(__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", STARTS_A_SERVER, str(data)]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout
        server = os.pidfd_open(int(process.stdout.readline()))
        process.kill()

    assert select.select([server], [], [], TIMEOUT_S)[0]
    os.close(server)
