"""A backup that is made while the service works, restored in another place as the page on backups says."""

import hashlib
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contract.client import Client, client_of
from postgres import OWNER, Server, find_programs
from serving import Served, serving

DELAY = {"sandbox_delay_s": "1", "account_tasks": "1000", "uploads_per_second": "1000"}


@dataclass(frozen=True)
class Database:
    """A kind of database: how it is copied, and how the copy becomes a new one."""

    server: Server | None = None
    name: str = ""
    spare: str = ""

    @property
    def settings(self) -> dict[str, str]:
        return {"database_url": self.server.url(self.name)} if self.server else {}

    @property
    def restored(self) -> dict[str, str]:
        return {"database_url": self.server.url(self.spare)} if self.server else {}

    def back_up(self, served: Served, copy: Path) -> None:
        if self.server is None:
            assert served.cli("db", "backup", str(copy))["bytes"] > 0
        else:
            self._run("pg_dump", "--file", str(copy), self.name)

    def restore(self, copy: Path, data: Path) -> None:
        if self.server is None:
            shutil.copy(copy, data / "limner.db")
        else:
            self._run("psql", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={copy}", self.spare)

    def _run(self, program: str, *arguments: str) -> None:
        programs = find_programs()
        assert self.server
        assert programs
        reached = ["--host", str(self.server.folder), "--username", OWNER]
        subprocess.run([programs / program, *reached, *arguments], check=True, capture_output=True)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    if request.param == "sqlite":
        yield Database()
        return
    server: Server = request.getfixturevalue("postgres_server")
    with server.database() as name, server.database() as spare:
        yield Database(server, name, spare)


@contextmanager
def busy(client: Client) -> Iterator[list[str]]:
    """Somebody who sends tasks with pictures all the time; gives the ids."""
    over, sent = threading.Event(), list[str]()

    def sends() -> None:
        while not over.is_set():
            sent.append(client.submit(prompt="meanwhile", file={"type": "png", "file_token": client.token()}))

    with ThreadPoolExecutor(1) as threads:
        sending = threads.submit(sends)
        try:
            yield sent
        finally:
            over.set()
            sending.result()


def examined(served: Served, *how: str) -> dict[str, Any]:
    """What the doctor says of the service's data, by check."""
    findings = served.cli("doctor", "--deep", "--hashes", *how, check=False)["findings"]
    return {each["check"]: each for each in findings}


def test_what_was_kept_is_there_again_and_what_was_under_way_goes_on(database: Database, tmp_path: Path) -> None:
    data, backup, restored = tmp_path / "data", tmp_path / "backup", tmp_path / "restored"
    backup.mkdir()
    with serving(data, **DELAY, **database.settings) as server:
        client, key = client_of(server), server.key
        done = client.done(prompt="before", file={"type": "png", "file_token": client.token()})
        picture = client.get(done["output"]["generated_image"], auth=False).body
        with busy(client):
            under_way = client.submit(prompt="under way")
            database.back_up(server, backup / "database")
            shutil.copytree(data / "blobs", backup / "blobs", ignore=shutil.ignore_patterns("*#*"))
            shutil.copy(data / "secret", backup)
        server.kill()
    shutil.rmtree(data)

    restored.mkdir()
    database.restore(backup / "database", restored)
    shutil.copytree(backup / "blobs", restored / "blobs")
    shutil.copy(backup / "secret", restored)
    with serving(restored, **DELAY, **database.restored) as server:
        client = client_of(server).as_(key)
        after = client.task(done["task_id"])
        again = client.get(after["output"]["generated_image"], auth=False).body
        ended = client.wait(under_way)
        tasks = [client.wait(each["id"]) for each in server.cli("tasks", "list", "--limit", "1000")]
        repaired = examined(server, "--repair")

    assert after["status"] == "success"
    assert hashlib.sha256(again).digest() == hashlib.sha256(picture).digest()
    assert (ended["status"], ended["consumed_credit"]) == ("success", 5)
    assert {task["status"] for task in tasks} == {"success"}
    assert all(each["well"] for each in repaired.values()), json.dumps(repaired)
