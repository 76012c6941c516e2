"""From one machine's SQLite file to PostgreSQL with `limner db move`: what was accepted is carried out there."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contract.client import client_of
from e2e.test_cli import Limner
from postgres import Server
from s3_server import s3_server
from serving import serving

QUEUED = 12


def test_a_killed_service_goes_on_where_its_database_was_moved_to(tmp_path: Path, postgres_url: str) -> None:
    data, here = tmp_path / "data", Limner(tmp_path / "data")
    with serving(data) as server:
        client, key = client_of(server), server.key
        done = client.done(prompt="before")
        before = client.get(done["output"]["generated_image"], auth=False).body
        running = here("db", "move", postgres_url, "--json").error
    with serving(data, "--api-only", account_tasks="100") as server:
        late = [client_of(server).as_(key).submit(prompt=f"late {number}") for number in range(QUEUED)]
        server.kill()

    rehearsed = here("db", "move", postgres_url, "--dry-run", "--json").json
    moved = here("db", "move", postgres_url, "--json").json
    again = here("db", "move", postgres_url, "--json").error
    refused = here("serve", "--port", "0")
    proved = Limner(data, (("LIMNER_DATABASE_URL", postgres_url),))("credits", "prove", "--json").json
    with serving(data, database_url=postgres_url) as server:
        client = client_of(server).as_(key)
        ended = [client.wait(task)["status"] for task in late]
        after = client.get(client.task(done["task_id"])["output"]["generated_image"], auth=False).body
        findings = server.cli("doctor", "--deep", "--hashes")["findings"]

    assert "another process has the database open" in running["reason"]
    assert "Stop `limner serve`" in running["suggestion"]
    assert (rehearsed["moved"], moved["moved"]) == (False, True)
    assert rehearsed["facts"]["tables"] == moved["facts"]["tables"]
    assert moved["facts"]["balances"]["frozen"] > 0
    assert again["reason"] == "the database was moved away"
    assert refused.code == 1
    assert "set LIMNER_DATABASE_URL to where it is now" in refused.err
    assert proved["proved"]
    assert ended == ["success"] * QUEUED
    assert after == before
    assert [each for each in findings if not each["well"]] == []


def test_from_one_machine_to_a_bucket_and_processes_apart(tmp_path: Path, postgres_url: str) -> None:
    """The steps of docs/scaling.md, one after the other, with tasks queued all the way."""
    data, here = tmp_path / "data", Limner(tmp_path / "data")
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as bucket:
        with serving(data) as server:
            client, key = client_of(server), server.key
            done = client.done(prompt="before")
            before = client.get(done["output"]["generated_image"], auth=False).body
        with serving(data, "--api-only") as server:
            queued = [client_of(server).as_(key).submit(prompt=f"queued {number}") for number in range(QUEUED // 2)]

        moved = here("db", "move", postgres_url, "--json")
        on_postgres = Limner(data, (("LIMNER_DATABASE_URL", postgres_url), *bucket.variables.items()))
        copied = on_postgres("backup", "create", bucket.url, "--json")

        secret = (data / "secret").read_text().strip()
        shared = {"database_url": postgres_url, "storage_url": bucket.url, "secret": secret}
        with serving(tmp_path / "api", "--api-only", vendors=bucket.variables, **shared) as api:
            client = client_of(api).as_(key)
            queued.append(client.submit(prompt="at the new API"))
            with serving(tmp_path / "worker", vendors=bucket.variables, **shared):
                ended = [client.wait(task)["status"] for task in queued]
            after = client.get(client.task(done["task_id"])["output"]["generated_image"], auth=False).body
            findings = api.cli("doctor", "--deep", "--hashes")["findings"]

    assert (moved.code, copied.code) == (0, 0)
    assert ended == ["success"] * (QUEUED // 2 + 1)
    assert after == before
    assert [each for each in findings if not each["well"]] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_command_is_repeated(tmp_path: Path, postgres_server: Server, number: signal.Signals) -> None:
    here = Limner(tmp_path / "data")
    made = here("accounts", "create", "ada", "--credits", "500", "--json")
    with postgres_server.database() as name:
        url = postgres_server.url(name)
        command = [sys.executable, "-m", "limner", "db", "move", url, "--data", str(here.data)]
        with postgres_server.connect(name) as holding:
            holding.autocommit = False
            holding.execute("CREATE TABLE alembic_version (version_num int)")  # the command waits for its end
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            wait_for_a_lock(postgres_server)
            process.send_signal(number)
            if number is signal.SIGKILL:
                process.wait(60)
            holding.rollback()
        said = process.communicate(timeout=60)[1]
        moved = here("db", "move", url, "--json").json

    assert made.code == 0
    assert process.returncode == (130 if number is signal.SIGINT else -number)
    assert ("Run the same command again" in said) == (number is signal.SIGINT)
    assert moved["facts"]["balances"]["available"] == 500


def wait_for_a_lock(server: Server) -> None:
    deadline = time.monotonic() + 60
    with server.connect("postgres") as watching:
        while not watching.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_what_is_wrong_is_told_with_what_to_do(tmp_path: Path) -> None:
    here = Limner(tmp_path / "data")
    assert here("accounts", "list").code == 0

    unknown = here("db", "move", "mysql://limner@db/limner", "--json").error
    absent = here("db", "move", "postgresql://limner:a-password@127.0.0.1:1/limner", "--json").error
    itself = here("db", "move", f"sqlite:///{here.data / 'limner.db'}", "--json").error
    folder = here("db", "move", f"sqlite:///{tmp_path / 'absent' / 'limner.db'}", "--json").error
    empty = Limner(tmp_path / "nothing")("db", "move", "sqlite:///other.db", "--json").error

    assert unknown["reason"].startswith("no database of kind 'mysql'")
    assert "a database cannot be used" in absent["reason"]
    assert "a-password" not in absent["reason"]
    assert itself["reason"] == "source and target are the same database"
    assert "there is no folder" in folder["reason"]
    assert "there is no database at" in empty["reason"]
    assert not (tmp_path / "other.db").exists()
