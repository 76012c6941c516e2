"""A full disk, a failing blob store, a stopped database: accepted tasks wait and then continue."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import NO_POSTGRES
from contract.client import PICTURE, TIMEOUT_S, Answer, Client, client_of
from postgres import RestartableServer, find_programs, restartable_server
from serving import serving
from small_disk import ON_A_SMALL_DISK, full_disk, private_mount

UNAVAILABLE = (503, 1000)


@pytest.fixture(scope="session")
def private_mounts() -> list[str]:
    """A command that runs its child in a private mount namespace."""
    command, refused = private_mount()
    if refused:
        pytest.skip(refused)
    return command


@contextlib.contextmanager
def refusing_store(blobs: Path) -> Iterator[None]:
    """A blob store that fails all writes and reads for the duration of the block, for root as well."""
    away = blobs.with_name("away")
    (blobs / "sha256").rename(away)
    (blobs / "sha256").touch()
    try:
        yield
    finally:
        (blobs / "sha256").unlink()
        away.rename(blobs / "sha256")


def wait_for_log(log: Path, words: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
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


def test_a_full_disk_refuses_new_tasks_and_accepted_tasks_end_when_space_is_free(
    data: Path, log: Path, private_mounts: list[str]
) -> None:
    within = [*private_mounts, *ON_A_SMALL_DISK, str(data)]
    with serving(data, within=within, sandbox_delay_s="1", log=log) as served:
        client, disk = client_of(served), Path(f"/proc/{served.process.pid}/root{data}")
        before = client.done()
        under_way = client.submit()
        client.wait(under_way, "running")
        with full_disk(disk):
            refused = [submit_once(client), client.upload(PICTURE)]
            seen = client.task(before["task_id"])
            picture = client.get(seen["output"]["generated_image"])
        after = [client.wait(under_way), client.wait(submit_once(client).data["task_id"])]
        balance = client.balance()

    assert [answer.refusal for answer in refused] == [UNAVAILABLE] * 2
    assert refused[0].headers["Retry-After"] == "5"
    assert (seen["status"], picture.status) == ("success", 200)
    assert [task["status"] for task in after] == ["success"] * 2
    assert balance == (10_000 - 3 * 5, 0)
    assert "Traceback" not in log.read_text()


def submit_once(client: Client) -> Answer:
    """The answer to a create with a fixed idempotency key."""
    return client.create({"Idempotency-Key": "once"}, prompt="now or never")


def test_tasks_are_accepted_and_wait_while_little_space_is_left(
    data: Path, log: Path, private_mounts: list[str]
) -> None:
    """A purchase needs disk space, so nothing is bought before there is enough."""
    within = [*private_mounts, *ON_A_SMALL_DISK, str(data)]
    with serving(data, within=within, log=log, log_level="info") as served:
        client, disk = client_of(served), Path(f"/proc/{served.process.pid}/root{data}")
        (disk / "ballast").write_bytes(bytes(48 * 1024 * 1024))
        wait_for_log(log, "the disk is full")
        waiting = client.submit()
        held = client.task(waiting)["status"]
        (disk / "ballast").unlink()
        done = client.wait(waiting)

    assert held == "queued"
    assert done["status"] == "success"
    assert "the disk has free space again" in log.read_text()


def test_a_picture_is_stored_when_the_blob_store_recovers_and_is_bought_once(data: Path, log: Path) -> None:
    with serving(data, log=log) as served:
        client = client_of(served)
        client.done()
        with refusing_store(data / "blobs"):
            held = client.submit(prompt="drawn while the store refuses")
            wait_for_log(log, "a delivered image could not be stored")
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


def test_a_stopped_database_refuses_new_tasks_and_accepted_tasks_continue_after_its_start(
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
        refused = submit_once(client)
        ready, lives = client.get("/readyz"), client.get("/healthz")
        wait_for_log(log, "a delivered image could not be stored")
        database.start()
        tasks.append(submit_once(client).data["task_id"])
        done = [client.wait(task)["status"] for task in tasks]
        explained = [served.cli("tasks", "explain", task) for task in tasks[:2]]
        proved = served.cli("credits", "prove")["proved"]

    assert refused.refusal == UNAVAILABLE
    assert (ready.status, lives.status) == (503, 200)
    assert done == ["success"] * 6
    assert [[attempt["outcome"] for attempt in each["attempts"]] for each in explained] == [["picture"]] * 2
    assert proved
