"""More than one process: one that is killed without warning, one that writes to the same database."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from limner.application.accounts.manage import HashKey
from limner.db.engines.sqlite import connect
from limner.domain.accounts.credits import Balance
from limner.domain.tasks.task import Status
from stores import ServiceHarness

HERE = Path(__file__)
TESTS = HERE.parents[2]


def accepted_until_killed(url: str, folder: Path, enough: int) -> list[str]:
    """Start a process that accepts tasks, kill it in the midst of that, and tell which it had answered for."""
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, HERE.with_name("submit_forever.py"), url, folder],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert process.stdout
    with process.stdout as said:
        lines = [said.readline() for _ in range(enough)]
        process.kill()
        lines += said.readlines()
    process.wait()
    return [line.strip() for line in lines if line.endswith("\n")]


async def test_a_process_killed_at_work_loses_no_task_it_answered_for(service: ServiceHarness, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    folder.mkdir()

    answered = await asyncio.to_thread(accepted_until_killed, service.url, folder, 100)

    [account] = await service.store.read(lambda records: records.accounts.all())
    tasks = await service.store.read(
        lambda records: records.tasks.recent(account=account.id, status="queued", limit=100_000)
    )
    balance = await service.store.read(lambda records: records.accounts.balance(account.id))
    assert len(answered) >= 100
    assert set(answered) <= {task.id for task in tasks}
    assert balance == Balance(1_000_000 - 5 * len(tasks), 5 * len(tasks))
    assert await service.ledger_faults() == []


async def test_what_a_killed_process_accepted_can_be_claimed_and_ended(service: ServiceHarness, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    folder.mkdir()
    answered = await asyncio.to_thread(accepted_until_killed, service.url, folder, 5)

    claimed = [each.task.id for each in await service.claim_tasks(limit=1000)]
    await asyncio.gather(*(service.settle_task(task) for task in claimed))

    assert set(answered) <= set(claimed)
    assert {(await service.task(task)).status for task in claimed} == {Status.SUCCESS}
    assert await service.ledger_faults() == []


# --- the command line, beside a running service -------------------------------------------------------------------


def command(data: Path, url: str, *arguments: str) -> tuple[int, Any]:
    """Run `limner` on this database in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")}
    environment |= {"LIMNER_DATABASE_URL": url, "LIMNER_ENGINE": "sandbox"}
    done = subprocess.run(
        [sys.executable, "-m", "limner", *arguments, "--data", str(data), "--json"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


async def test_the_command_line_writes_while_the_store_is_busy(service: ServiceHarness) -> None:
    key = await service.open_account(opening=100_000, limit=100_000)
    data = service.folder / "data"
    done = asyncio.Event()
    sent = []

    async def keep_sending() -> None:
        while not done.is_set():
            sent.append(await service.submit_task(key))

    senders = asyncio.gather(*(keep_sending() for _ in range(4)))
    granted = await asyncio.to_thread(command, data, service.url, "credits", "grant", "77", "--account", "ada")
    created = await asyncio.to_thread(command, data, service.url, "accounts", "create", "eve", "--credits", "5")
    proved = await asyncio.to_thread(command, data, service.url, "credits", "prove")
    done.set()
    await senders

    assert (granted[0], created[0]) == (0, 0)
    assert proved == (0, {"proved": True, "faults": []})
    assert len(sent) > 4
    assert await service.balance(key) == Balance(100_077 - 5 * len(sent), 5 * len(sent))
    assert await service.ledger_faults() == []


async def test_a_key_made_on_the_command_line_is_known_at_once(service: ServiceHarness) -> None:
    await service.open_account()
    data = service.folder / "data"

    code, made = await asyncio.to_thread(command, data, service.url, "keys", "create", "--account", "ada")

    digest = HashKey(await asyncio.to_thread((data / "secret").read_bytes))
    found = await service.store.read(lambda records: records.keys.by_digest(digest(made["key"])))
    assert code == 0
    assert found
    assert made["key"].startswith(found.hint)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_who_writes_waits_for_the_process_that_is_writing(service: ServiceHarness) -> None:
    """SQLite has one writer at a time: while another process is it, nobody gets an error and readers go on."""
    key = await service.open_account(opening=100)
    other = await asyncio.to_thread(connect, Path(service.url.removeprefix("sqlite:///")))
    await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")

    sending = asyncio.ensure_future(service.submit_task(key))
    seen_meanwhile = await service.balance(key)
    await asyncio.to_thread(other.execute, "COMMIT")
    task = await sending

    await asyncio.to_thread(other.close)
    assert seen_meanwhile == Balance(100, 0)
    assert (await service.task(task)).status is Status.QUEUED
