"""This version at work on a database that a later one has migrated: what came only adds, as in a rolling upgrade."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.client import BASE, client_of
from e2e.test_cli import Limner
from limner.db.migrate import HEAD, migrate
from limner.db.schema import metadata
from limner.db.sql import Sql
from postgres import Server
from serving import Served, serving
from stores import raw_database

LATER = f"9999.{HEAD[:4]}"


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database whose tables all have a column that this version does not know; there is one more table."""
    if request.param == "sqlite":
        (tmp_path / "data").mkdir()
        yield added_to(f"sqlite:///{tmp_path / 'data' / 'limner.db'}")
        return
    server: Server = request.getfixturevalue("postgres_server")
    with server.database() as name:
        yield added_to(server.url(name))


def added_to(url: str) -> str:
    migrate(url)
    with raw_database(url) as db:
        for table in metadata.tables:
            db.run(Sql(f"ALTER TABLE {table} ADD COLUMN later VARCHAR(9)"))
        db.run(Sql("CREATE TABLE later_things (task VARCHAR(36) NOT NULL REFERENCES tasks (id) ON DELETE CASCADE)"))
        db.run(Sql("UPDATE alembic_version SET version_num = :mark"), {"mark": LATER})
    return url


@pytest.fixture
def served(database: str, tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "data", database_url=database) as served:
        yield served


def test_tasks_are_made_listed_and_erased(served: Served) -> None:
    client = client_of(served)
    made = client.done(prompt="a red fox", file={"type": "png", "file_token": client.token()}, n=2)
    listed = client.get(f"{BASE}/tasks?search=fox")
    erased = served.cli("tasks", "erase", made["task_id"], "--yes")
    findings = served.cli("doctor", "--deep", "--hashes")["findings"]

    assert made["status"] == "success"
    assert made["task_id"] in listed.body.decode()
    assert erased
    assert [each for each in findings if not each["well"]] == []


def test_the_command_line_says_that_a_newer_version_was_there(database: str, tmp_path: Path) -> None:
    limner = Limner(tmp_path / "data").with_(database_url=database)

    assert limner("db", "upgrade", "--json").json == {"schema": HEAD, "done": "newer"}
    assert "newer" in limner("db", "upgrade").out
    assert limner("db", "upgrade", "--dry-run", "--json").json["migrations"] == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_its_backup_is_restored_by_this_version(served: Served, tmp_path: Path) -> None:
    done = client_of(served).done(prompt="a heron")
    made = served.cli("backup", "create", str(tmp_path / "backups"))
    limner = Limner(tmp_path / "restored")

    assert made
    assert limner("backup", "restore", tmp_path / "backups").code == 0
    assert limner("tasks", "show", done["task_id"], "--json").json["status"] == "success"
