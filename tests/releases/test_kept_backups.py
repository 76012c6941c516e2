"""What operators of a release have, restored and served by this version."""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contract.client import BASE, Client, client_of
from e2e.test_cli import Limner
from limner.db.migrate import HEAD
from postgres import Server
from releases.keep_backup import DATABASES, HERE
from serving import Served, serving

RELEASES = sorted(path.name for path in HERE.iterdir() if (path / "facts.json").exists())
KEEP_ALL = {"keep_inputs_days": "0", "keep_events_days": "0"}


@dataclass(frozen=True)
class Restored:
    served: Served
    client: Client
    facts: dict[str, Any]
    upgraded: dict[str, Any]
    """What `limner db upgrade --dry-run` said of the restored database, before it was served."""


@pytest.fixture(scope="module", params=[f"{release} {database}" for release in RELEASES for database in DATABASES])
def restored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restored]:
    release, database = request.param.split()
    folder = tmp_path_factory.mktemp(database)
    with tarfile.open(HERE / release / f"{database}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    facts = json.loads((HERE / release / "facts.json").read_text())[database]
    if database == "sqlite":
        yield from served_again(folder, {}, facts)
        return
    server: Server = request.getfixturevalue("postgres_server")
    with server.database() as name:
        yield from served_again(folder, {"database_url": server.url(name)}, facts)


def served_again(folder: Path, settings: dict[str, str], facts: dict[str, Any]) -> Iterator[Restored]:
    limner = Limner(folder / "data").with_(**settings)
    assert limner("backup", "restore", folder / "backups", "--json").code == 0
    rehearsed = limner("db", "upgrade", "--dry-run", "--json").json
    with serving(folder / "data", **KEEP_ALL, **settings) as served:
        yield Restored(served, client_of(served).as_(facts["key"]), facts, rehearsed)


def test_there_is_a_backup_of_the_first_release() -> None:
    assert "0.1.0" in RELEASES


def test_a_rehearsed_upgrade_of_its_database_succeeds(restored: Restored) -> None:
    assert restored.upgraded["to"] == HEAD
    assert restored.upgraded["from"] <= HEAD


def test_its_tasks_and_their_pictures_are_as_they_were(restored: Restored) -> None:
    before = {name: task for name, task in restored.facts["tasks"].items() if "status" in task}
    for task in before.values():
        now = restored.client.task(task["id"])
        original = restored.client.get(f"{BASE}/task/{task['id']}/original")
        picture = hashlib.sha256(original.body).hexdigest() if original.status == 200 else None
        facts = (now["status"], now["consumed_credit"], now["create_time"], picture)

        assert facts == (task["status"], task["consumed"], task["created"], task.get("sha256"))
    assert set(before) == {"words", "picture", "template", "cancelled"}


def test_its_tasks_under_way_end_and_its_ledger_adds_up(restored: Restored) -> None:
    ended = [restored.client.wait(restored.facts["tasks"][name]["id"]) for name in ("running", "queued")]
    available, _ = restored.facts["credits"]
    findings = restored.served.cli("doctor", "--deep", "--hashes")["findings"]

    assert [(task["status"], task["consumed_credit"]) for task in ended] == [("success", 5), ("success", 5)]
    assert restored.client.balance() == (available, 0)
    assert [each for each in findings if not each["well"]] == []


def test_its_accounts_are_apart(restored: Restored) -> None:
    other = restored.client.as_(restored.facts["other_key"])

    assert other.balance() == (50, 0)
    assert other.get(f"{BASE}/task/{restored.facts['tasks']['words']['id']}").status == 404


def test_its_templates_and_webhooks_work(restored: Restored) -> None:
    drawn = restored.client.done(prompt="an owl", template="woodcut")
    webhooks = restored.served.cli("webhooks", "list")
    deliveries = restored.served.cli("webhooks", "deliveries", restored.facts["webhook"])

    assert drawn["status"] == "success"
    assert [each["webhook"] for each in webhooks] == [restored.facts["webhook"]]
    assert len(deliveries) >= 4
