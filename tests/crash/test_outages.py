"""The disk is full, the store of the pictures refuses, the database is gone: what is accepted waits, and goes on."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import NO_POSTGRES
from contract.client import PATIENCE_S, PICTURE, Answer, Client, client_of
from postgres import RestartableServer, find_programs, restartable_server
from serving import serving

ON_A_SMALL_DISK = ("sh", "-c", 'mount -t tmpfs -o size=96m tmpfs "$0" && exec "$@"')
UNAVAILABLE = (503, 1000)


@pytest.fixture(scope="session")
def own_mounts() -> list[str]:
    """A command whose child may mount what nobody else sees."""
    command = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    probe = subprocess.run([*command, *ON_A_SMALL_DISK, "/mnt", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"this system lets nobody mount a small disk: {probe.stderr.decode().strip()}")
    return command


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[None]:
    """A file that takes all the room that is left, as long as this lasts."""
    ballast = folder / "ballast"
    try:
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def refusing(blobs: Path) -> Iterator[None]:
    """A store that takes nothing, root's bytes included, and has nothing, for a while."""
    away = blobs.with_name("away")
    (blobs / "sha256").rename(away)
    (blobs / "sha256").touch()
    try:
        yield
    finally:
        (blobs / "sha256").unlink()
        away.rename(blobs / "sha256")


def until_told(log: Path, words: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while words not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_on_a_full_disk_nothing_is_accepted_and_what_was_accepted_is_done_when_there_is_room(
    data: Path, log: Path, own_mounts: list[str]
) -> None:
    within = [*own_mounts, *ON_A_SMALL_DISK, str(data)]
    with serving(data, within=within, sandbox_delay_s="1", log=log) as served:
        client, disk = client_of(served), Path(f"/proc/{served.process.pid}/root{data}")
        before = client.done()
        under_way = client.submit()
        client.wait(under_way, "running")
        with filled(disk):
            refused = [insists(client), client.upload(PICTURE)]
            seen = client.task(before["task_id"])
            picture = client.get(seen["output"]["generated_image"])
        after = [client.wait(under_way), client.wait(insists(client).data["task_id"])]
        balance = client.balance()

    assert [answer.refusal for answer in refused] == [UNAVAILABLE] * 2
    assert refused[0].headers["Retry-After"] == "5"
    assert (seen["status"], picture.status) == ("success", 200)
    assert [task["status"] for task in after] == ["success"] * 2
    assert balance == (10_000 - 3 * 5, 0)
    assert "Traceback" not in log.read_text()


def insists(client: Client) -> Answer:
    """The answer to one and the same request."""
    return client.create({"Idempotency-Key": "once"}, prompt="now or never")


def test_with_little_room_left_tasks_are_accepted_and_wait(data: Path, log: Path, own_mounts: list[str]) -> None:
    """What is bought needs a place: so nothing is bought before there is one."""
    within = [*own_mounts, *ON_A_SMALL_DISK, str(data)]
    with serving(data, within=within, log=log, log_level="info") as served:
        client, disk = client_of(served), Path(f"/proc/{served.process.pid}/root{data}")
        (disk / "ballast").write_bytes(bytes(48 * 1024 * 1024))
        until_told(log, "the disk is full")
        waiting = client.submit()
        held = client.task(waiting)["status"]
        (disk / "ballast").unlink()
        done = client.wait(waiting)

    assert held == "queued"
    assert done["status"] == "success"
    assert "the disk has free space again" in log.read_text()


def test_a_picture_that_the_store_refuses_is_kept_when_it_takes_it_and_is_drawn_once(data: Path, log: Path) -> None:
    with serving(data, log=log) as served:
        client = client_of(served)
        client.done()
        with refusing(data / "blobs"):
            held = client.submit(prompt="drawn while the store refuses")
            until_told(log, "a delivered image could not be stored")
            refused = client.upload(PICTURE)
            waiting = client.submit(prompt="drawn when it takes again")
            seen = [client.task(task)["status"] for task in (held, waiting)]
        done = [client.wait(task)["status"] for task in (held, waiting)]
        attempts = served.cli("tasks", "explain", held)["attempts"]
        proved = served.cli("credits", "prove")["proved"]
        well = served.cli("doctor", "--deep")["well"]

    assert refused.refusal == UNAVAILABLE
    assert seen == ["running", "queued"]
    assert done == ["success", "success"]
    assert [attempt["outcome"] for attempt in attempts] == ["picture"]
    assert (proved, well) == (True, True)
    assert "Traceback" not in log.read_text()


# --- the database -------------------------------------------------------------------------------------------------


@pytest.fixture
def database() -> Iterator[RestartableServer]:
    programs = find_programs()
    if programs is None:
        pytest.skip(NO_POSTGRES)
    with restartable_server(programs) as made:
        yield made


def test_while_the_database_is_gone_nothing_is_accepted_and_what_was_accepted_goes_on_when_it_is_back(
    data: Path, log: Path, database: RestartableServer
) -> None:
    with (
        database.server.database() as name,
        serving(data, database_url=database.server.url(name), sandbox_delay_s="3", lease_s="3", log=log) as served,
    ):
        client = client_of(served)
        tasks = [client.submit(prompt=f"number {number}") for number in range(5)]
        client.wait(tasks[0], "running")
        database.stop()
        refused = insists(client)
        ready, lives = client.get("/readyz"), client.get("/healthz")
        until_told(log, "a delivered image could not be stored")
        database.start()
        tasks.append(insists(client).data["task_id"])
        done = [client.wait(task)["status"] for task in tasks]
        told = [served.cli("tasks", "explain", task) for task in tasks[:2]]
        proved = served.cli("credits", "prove")["proved"]

    assert refused.refusal == UNAVAILABLE
    assert (ready.status, lives.status) == (503, 200)
    assert done == ["success"] * 6
    assert [[attempt["outcome"] for attempt in each["attempts"]] for each in told] == [["picture"]] * 2
    assert proved
