"""Keeping, erasing and examining, by the commands that an operator types, beside a server that works."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from contract.client import PHOTO, Client, client_of
from forked import run_forked
from serving import Served, serving

NOT_LONG = {"KEEP_RESULTS_DAYS": "0.0000001", "KEEP_INPUTS_DAYS": "0.0000001", "KEEP_UNUSED_HOURS": "0"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("retention") / "data") as served:
        yield served


def pruned(server: Served) -> Any:
    """A policy that keeps nothing longer than needed; the server's own janitor uses a longer one."""
    chosen = {f"LIMNER_{name}": value for name, value in NOT_LONG.items()}
    return replace(server, environment=server.environment | chosen).cli("prune")


@pytest.fixture
def client(server: Served) -> Client:
    return client_of(server)


def files(server: Served) -> set[str]:
    return {path.name for path in (server.data / "blobs").rglob("*") if path.is_file()}


def run(server: Served, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command, typed by a person with no terminal."""
    environment = server.environment | {"COLUMNS": "200", "NO_COLOR": "1", "PATH": os.environ["PATH"]}
    return run_forked([*arguments, "--data", str(server.data)], environment)


def findings(server: Served, *how: str) -> dict[str, Any]:
    reported = server.cli("doctor", "--deep", "--hashes", *how, check=False)
    return {each["check"]: each for each in reported["findings"]}


def test_a_picture_that_was_removed_is_reported_by_its_task_and_by_its_link(server: Served, client: Client) -> None:
    task = client.done(file={"type": "png", "file_token": client.token()})
    link = task["output"]["generated_image"]
    before = client.get(link, auth=False).status

    removed = pruned(server)
    after = client.task(task["task_id"])
    answer = client.get(link, auth=False)

    assert before == 200
    assert (removed["results"], removed["inputs"]) == (1, 1)
    assert (after["status"], after["output"], after["result"], after["consumed_credit"]) == ("success", {}, {}, 5)
    assert after["output_removed_time"] >= after["create_time"]
    assert "thumbnail" not in after
    assert after["served_by"] == task["served_by"]
    assert answer.refusal == (404, 2019)
    assert "was removed on" in answer.suggestion


def test_a_person_has_to_say_yes_before_a_task_is_erased(server: Served, client: Client) -> None:
    task = client.done(prompt="a shy badger")["task_id"]

    ran = run(server, "tasks", "erase", task)

    assert ran.returncode == 1
    assert "--yes" in ran.stderr
    assert client.task(task)["prompt"] == "a shy badger"


def test_an_erased_task_is_reported_as_erased_everywhere(server: Served, client: Client) -> None:
    others = files(server)
    task = client.done(prompt="an erased badger", file={"type": "jpg", "file_token": client.token(PHOTO)})
    task_id = task["task_id"]

    receipt = server.cli("tasks", "erase", task_id, "--yes", "--by", "badger@example.org")
    seen = client.task(task_id)
    shown, reported = run(server, "tasks", "show", task_id), run(server, "tasks", "explain", task_id)

    assert (receipt["task"], receipt["by"], receipt["files"]) == (task_id, "badger@example.org", 3)
    assert files(server) == others
    assert (seen["input"], seen["output"]) == ({"model_version": "flux.1_kontext_pro"}, {})
    assert "prompt" not in seen
    assert client.get(task["output"]["generated_image"], auth=False).refusal == (404, 2019)
    for ran in (shown, reported):
        assert "by badger@example.org: 3 files" in ran.stdout
        assert "an erased badger" not in ran.stdout
    everything = [path for path in server.data.rglob("*") if path.is_file()]
    assert [path.name for path in everything if b"an erased badger" in path.read_bytes()] == []


def test_a_task_that_waits_cannot_be_erased(server: Served, client: Client) -> None:
    with serving(server.data.parent / "still", "--api-only") as still:
        task = client_of(still).submit()

        refused = still.cli("tasks", "erase", task, "--yes", check=False)

    assert f"limner tasks cancel {task}" in refused["error"]["suggestion"]


def test_an_account_is_erased_with_all_that_was_its_own(server: Served) -> None:
    server.cli("accounts", "create", "badger", "--credits", "50")
    key = server.cli("keys", "create", "--account", "badger")["key"]
    client = Client(server.url, key)
    client.done(prompt="a badger that leaves")

    erased = server.cli("accounts", "erase", "badger", "--yes")

    assert (erased["tasks"], erased["files"]) == (1, 1)
    assert client.get("/v2/openapi/user/balance").refusal == (401, 1002)
    names = [each["account"] for each in server.cli("accounts", "list")]
    assert "badger" not in names
    assert erased["name"] in names


def test_a_file_that_is_gone_is_found_and_a_stray_one_is_handed_over(server: Served, client: Client) -> None:
    others = files(server)
    task = client.done(prompt="soon without a picture")
    [name] = files(server) - others
    (server.data / "blobs" / "sha256" / name[:2] / name).unlink()
    stray = server.data / "blobs" / "sha256" / "ab" / ("ab" * 32)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"from nowhere")

    found = findings(server)
    repaired = findings(server, "--repair")
    reported = run(server, "doctor", "--deep")
    server.cli("tasks", "erase", task["task_id"], "--yes")
    pruned(server)
    well = findings(server)

    assert not found["pictures"]["well"]
    assert found["pictures"]["which"] == [f"{name} (result of {task['task_id']})", "ab" * 32]
    assert repaired["pictures"]["which"] == [f"{name} (result of {task['task_id']})"]
    assert reported.returncode == 1
    assert "limner tasks erase" in reported.stdout
    assert not stray.exists()
    assert all(each["well"] for each in well.values())
