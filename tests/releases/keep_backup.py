"""Keeps a backup of a service of the version at hand, for the test that later versions restore it.

    cd tests && ../.venv/bin/python -m releases.keep_backup

Run it once for a release, on the commit that is tagged. It writes `tests/releases/VERSION`: a backup of each database,
packed, and `facts.json`, which tells what the service said of its data when the backups were made. A kept backup is
never written anew: its rows are those that operators have.
"""

import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import limner
from contract.client import BASE, Client, client_of
from forked import run_forked
from postgres import find_programs, running_server
from serving import Served, serving

HERE = Path(__file__).parent
DATABASES = ("sqlite", "postgres")
SETTINGS = {"queue_deadline_s": "3000000000", "run_deadline_s": "3000000000", "fetch_allow": "127.0.0.1"}
"""Tasks that wait or run in the backup still do when it is restored years later."""

TEMPLATE = {"title": "Woodcut", "summary": "Cuts it in wood.", "text": "Draw it as a woodcut."}
NOBODY = "http://127.0.0.1:9/hook"


def main() -> None:
    folder = HERE / limner.__version__
    folder.mkdir()
    facts = {}
    for database in DATABASES:
        with tempfile.TemporaryDirectory() as scratch, new_database(database) as url:
            facts[database] = keep(Path(scratch), url, folder / f"{database}.tar.xz")
    (folder / "facts.json").write_text(json.dumps(facts, indent=2) + "\n")


@contextmanager
def new_database(kind: str) -> Iterator[str | None]:
    if kind == "sqlite":
        yield None
        return
    programs = find_programs()
    assert programs
    with running_server(programs) as server, server.database() as name:
        yield server.url(name)


def keep(scratch: Path, url: str | None, target: Path) -> dict[str, Any]:
    """Make what the backup is to have, pack it, and return what is known of it."""
    settings = SETTINGS | ({"database_url": url} if url else {})
    data, backups = scratch / "data", scratch / "backups"
    with serving(data, **settings) as server:
        facts = furnish(server, client_of(server))
    with serving(data, sandbox_delay_s="600", **settings) as server:
        client = client_of(server).as_(facts["key"])
        facts["tasks"]["running"] = {"id": client.submit(prompt="a running fox")}
        client.wait(facts["tasks"]["running"]["id"], "running")
        server.kill()
    with serving(data, "--api-only", **settings) as server:
        client = client_of(server).as_(facts["key"])
        cancelled = client.submit(prompt="a cancelled fox")
        client.post(f"/task/{cancelled}/cancel", b"")
        facts["tasks"]["cancelled"] = facts_of(client, client.task(cancelled))
        facts["tasks"]["queued"] = {"id": client.submit(prompt="a waiting fox")}
        facts["credits"] = client.balance()
        back_up(server, backups)
    with tarfile.open(target, "w:xz") as archive:
        archive.add(backups, arcname="backups")
    return facts


def back_up(server: Served, backups: Path) -> None:
    done = run_forked(["backup", "create", str(backups), "--data", str(server.data)], os.environ | server.environment)
    assert done.returncode == 0, done.stdout + done.stderr


def furnish(server: Served, client: Client) -> dict[str, Any]:
    server.cli("accounts", "create", "other", "--credits", "50")
    other = server.cli("keys", "create", "--account", "other")["key"]
    webhook = server.cli("webhooks", "add", NOBODY)
    client.call("PUT", "/v1/templates/woodcut", json.dumps(TEMPLATE).encode(), {"Content-Type": "application/json"})
    made = {
        "words": client.done(prompt="a red fox"),
        "picture": client.done(prompt="in the snow", file={"type": "png", "file_token": client.token()}),
        "template": client.done(prompt="a heron", template="woodcut"),
    }
    return {
        "key": client.key,
        "other_key": other,
        "webhook": webhook["webhook"],
        "tasks": {name: facts_of(client, task) for name, task in made.items()},
    }


def facts_of(client: Client, task: dict[str, Any]) -> dict[str, Any]:
    original = client.get(f"{BASE}/task/{task['task_id']}/original")
    picture = {"sha256": hashlib.sha256(original.body).hexdigest()} if original.status == 200 else {}
    return {
        "id": task["task_id"],
        "status": task["status"],
        "consumed": task["consumed_credit"],
        "created": task["create_time"],
    } | picture


if __name__ == "__main__":
    main()
