"""A backup that is made while the service works, and restored in another place, on both databases and stores."""

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from azure_server import NO_AZURITE, AzureServer, azure_server
from clients.environments import NotInstalled
from contract.client import Client, client_of
from e2e.test_cli import Limner, Ran
from forked import run_forked
from postgres import Server
from s3_server import s3_server
from serving import Served, serving

DELAY = {"sandbox_delay_s": "1", "account_tasks": "1000", "uploads_per_second": "1000"}


@dataclass(frozen=True)
class Places:
    """Where a service keeps its data, where its backups go, and where they are restored."""

    data: Path
    settings: Mapping[str, str]
    backups: str
    restored: Path
    restored_settings: Mapping[str, str]
    variables: Mapping[str, str]

    def limner(self, data: Path, settings: Mapping[str, str]) -> Limner:
        own = {f"LIMNER_{name.upper()}": value for name, value in settings.items()}
        return Limner(data, tuple((own | dict(self.variables)).items()))

    @property
    def here(self) -> Limner:
        return self.limner(self.data, self.settings)

    @property
    def there(self) -> Limner:
        return self.limner(self.restored, self.restored_settings)


def examine_backups(*arguments: str, variables: Mapping[str, str] | None = None) -> Ran:
    """`limner backup list` or `verify`, which need no service."""
    done = run_forked(["backup", *arguments], os.environ | (variables or {}))
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(params=["sqlite and a folder", "sqlite and a container of Azure", "postgres and a bucket"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Places]:
    data, restored, backups = tmp_path / "data", tmp_path / "restored", tmp_path / "backups"
    if request.param == "sqlite and a folder":
        yield Places(data, {}, str(backups), restored, {}, {})
        return
    if request.param == "sqlite and a container of Azure":
        with azure(tmp_path) as container:
            urls = (container.url, f"{container.url}-backups", f"{container.url}-restored")
            own, there = ({"storage_url": url} for url in (urls[0], urls[2]))
            yield Places(data, own, urls[1], restored, there, container.variables)
        return
    server: Server = request.getfixturevalue("postgres_server")
    (tmp_path / "s3").mkdir()
    with server.database() as name, server.database() as spare, s3_server(tmp_path / "s3") as store:
        yield Places(
            data,
            {"database_url": server.url(name), "storage_url": store.url},
            f"{store.url}-backups",
            restored,
            {"database_url": server.url(spare), "storage_url": f"{store.url}-restored"},
            store.variables,
        )


@contextmanager
def azure(folder: Path) -> Iterator[AzureServer]:
    (folder / "azure").mkdir()
    try:
        with azure_server(folder / "azure") as server:
            yield server
    except NotInstalled as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{NO_AZURITE}: {error}")


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


def test_what_was_kept_is_there_again_and_what_was_under_way_goes_on(places: Places) -> None:
    with serving(places.data, vendors=places.variables, **DELAY, **places.settings) as server:
        client, key = client_of(server), server.key
        done = client.done(prompt="before", file={"type": "png", "file_token": client.token()})
        picture = client.get(done["output"]["generated_image"], auth=False).body
        with busy(client):
            under_way = client.submit(prompt="under way")
            made = places.here("backup", "create", places.backups, "--json").json
        again = places.here("backup", "create", places.backups, "--json").json
        server.kill()
    shutil.rmtree(places.data)

    named = (places.backups, made["backup"]["name"])
    verified = examine_backups("verify", *named, "--json", variables=places.variables).json
    assert places.there("backup", "restore", *named, "--json").code == 0
    refused = places.there("backup", "restore", places.backups, "--json")
    with serving(places.restored, vendors=places.variables, **DELAY, **places.restored_settings) as server:
        client = client_of(server).as_(key)
        after = client.task(done["task_id"])
        restored = client.get(after["output"]["generated_image"], auth=False).body
        ended = client.wait(under_way)
        tasks = [client.wait(each["id"]) for each in server.cli("tasks", "list", "--limit", "1000")]
        repaired = examined(server, "--repair")

    assert verified["well"]
    assert again["copied"] < made["copied"] + again["backup"]["blobs"]
    assert "database" in refused.error["reason"]
    assert after["status"] == "success"
    assert hashlib.sha256(restored).digest() == hashlib.sha256(picture).digest()
    assert (ended["status"], ended["consumed_credit"]) == ("success", 5)
    assert {task["status"] for task in tasks} == {"success"}
    assert all(each["well"] for each in repaired.values()), json.dumps(repaired)


@pytest.fixture
def backed_up(tmp_path: Path) -> tuple[Limner, Path]:
    """A service with a picture, and a folder with a backup of it."""
    limner, backups = Limner(tmp_path / "data"), tmp_path / "backups"
    assert limner("generate", "a cat", "-o", "cat.png").code == 0
    assert limner("backup", "create", str(backups)).code == 0
    return limner, backups


def files_of(backups: Path, pattern: str) -> list[Path]:
    return sorted(path for path in backups.glob(pattern) if path.is_file())


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("sha256/*/*", "has other bytes than it had"),
        ("backups/*/database", "database has other bytes"),
        ("backups/*/secret", "secret has other bytes"),
    ],
)
def test_a_backup_that_lost_a_byte_is_noticed(backed_up: tuple[Limner, Path], pattern: str, fault: str) -> None:
    _, backups = backed_up
    file = files_of(backups, pattern)[0]
    changed = bytearray(file.read_bytes())
    changed[-1] ^= 1
    file.write_bytes(changed)

    verified = examine_backups("verify", str(backups))

    assert verified.code == 1
    assert fault in verified.out


@pytest.mark.parametrize("pattern", ["sha256/*/*", "backups/*/secret"])
def test_a_backup_that_lost_a_file_is_noticed_and_not_restored(
    backed_up: tuple[Limner, Path], pattern: str, tmp_path: Path
) -> None:
    _, backups = backed_up
    files_of(backups, pattern)[0].unlink()

    verified = examine_backups("verify", str(backups), "--quick")
    restored = Limner(tmp_path / "restored")("backup", "restore", str(backups))

    assert (verified.code, restored.code) == (1, 1)
    assert "missing" in verified.out
    assert "not complete" in restored.err
    assert not (tmp_path / "restored" / "limner.db").exists()


def test_the_newest_backups_are_kept_with_their_pictures_alone(backed_up: tuple[Limner, Path]) -> None:
    limner, backups = backed_up
    task = limner("tasks", "list", "--json").json[0]["id"]
    (first,) = files_of(backups, "sha256/*/*")
    limner("tasks", "erase", task, "--yes", "--json")
    assert limner("generate", "a dog", "-o", "dog.png").code == 0

    made = limner("backup", "create", str(backups), "--keep", "1", "--json").json
    listed = examine_backups("list", str(backups), "--json").json

    assert [each["name"] for each in listed] == [made["backup"]["name"]]
    assert len(made["removed"]) == 1
    assert not first.exists()
    assert len(files_of(backups, "sha256/*/*")) == made["backup"]["blobs"]
    assert examine_backups("verify", str(backups)).code == 0


def test_only_its_owner_can_read_a_backup(backed_up: tuple[Limner, Path]) -> None:
    _, backups = backed_up

    assert backups.stat().st_mode & 0o077 == 0


def test_there_is_no_backup_where_none_was_made(tmp_path: Path) -> None:
    limner = Limner(tmp_path / "data")

    nothing = limner("backup", "create", str(tmp_path / "backups"))
    missing = limner("backup", "restore", str(tmp_path / "backups"))

    assert (nothing.code, missing.code) == (1, 1)
    assert "there is no database" in nothing.err
    assert "no finished backup" in missing.err
