"""Copies of a database that is in use, and files without a trace of what was erased."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from integration.store.retention_steps import eraser, inline_picture, run_task
from limner.db.database_files import CopyFailed, back_up, scrub
from limner.db.open_store import open_store
from limner.providers.sandbox import card
from stores import ServiceHarness

SECRET = "the-unspeakable-badger"
FIELDS: dict[str, Any] = {"prompt": f"a portrait of {SECRET}", "echo": {"prompt": f"a portrait of {SECRET}"}}


def files_with(folder: Path, word: str) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


async def test_nothing_of_an_erased_task_is_left_in_the_database_s_own_files(service: ServiceHarness) -> None:
    task = await run_task(
        service,
        await service.open_account(),
        card("made"),
        idempotency_key=SECRET,
        **FIELDS,
        **inline_picture(card("given")),
    )
    assert files_with(service.folder, SECRET)

    await eraser(service)(None, task, "me")
    emptied = await asyncio.to_thread(scrub, service.url)

    assert emptied
    assert files_with(service.folder, SECRET) == []


async def test_a_copy_is_whole_and_shut_to_others_while_the_database_is_written_to(service: ServiceHarness) -> None:
    key = await service.open_account(opening=100_000, limit=1000)
    target, over = service.folder / "copy.db", asyncio.Event()

    async def writes() -> int:
        written = 0
        while not over.is_set():
            await service.submit_task(key)
            written += 1
        return written

    writing = asyncio.ensure_future(writes())
    await service.submit_task(key)
    size = await asyncio.to_thread(back_up, service.url, target)
    over.set()
    written = await writing

    copy = open_store(f"sqlite:///{target}")
    faults = await copy.read(lambda records: records.ledger.inconsistencies())
    tasks = await copy.read(lambda records: records.tasks.recent(account=None, status=None, limit=10_000))
    await copy.close()
    assert faults == []
    assert 1 <= len(tasks) <= written + 1
    assert size > 0
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_copy_is_one_file(tmp_path: Path, empty_database: Path) -> None:
    target = tmp_path / "copy.db"

    size = back_up(f"sqlite:///{empty_database}", target)

    assert [path.name for path in tmp_path.iterdir()] == ["copy.db"]
    assert target.stat().st_size == size
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_what_is_there_is_not_written_over(tmp_path: Path, empty_database: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("precious")

    with pytest.raises(CopyFailed, match="exists already"):
        back_up(f"sqlite:///{empty_database}", target)

    assert target.read_text() == "precious"


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(CopyFailed, match="no database"):
        back_up(f"sqlite:///{tmp_path / 'none.db'}", tmp_path / "copy.db")

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_reported(tmp_path: Path, empty_database: Path) -> None:
    with pytest.raises(CopyFailed, match="was not written"):
        back_up(f"sqlite:///{empty_database}", tmp_path / "none" / "copy.db")


def test_postgresql_has_a_tool_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(CopyFailed, match="pg_dump"):
        back_up("postgresql://limner@db/limner", tmp_path / "copy.db")


def test_a_damaged_database_is_not_copied(tmp_path: Path, empty_database: Path) -> None:
    damaged = tmp_path / "damaged.db"
    data = bytearray(empty_database.read_bytes())
    data[4096:12288] = b"\xff" * 8192
    damaged.write_bytes(data)

    with pytest.raises(CopyFailed):
        back_up(f"sqlite:///{damaged}", tmp_path / "copy.db")

    assert not (tmp_path / "copy.db").exists()
