"""Copies a SQLite database while it is in use, and removes erased content from its files."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from limner.db.engines.sqlite import connect
from limner.db.open_store import SQLITE


class CopyFailed(RuntimeError):
    """The database could not be copied; the message says why."""


def back_up(url: str, target: Path) -> int:
    """Copy a SQLite database as it is at one moment, while it is in use. Returns the size of the copy in bytes.

    The copy is complete or does not exist, and only its owner can read it. Raises `CopyFailed`.
    """
    if not url.startswith(SQLITE):
        raise CopyFailed(
            "the database is not a file: use pg_dump, which copies a PostgreSQL database while it is in use"
        )
    if target.exists():
        raise CopyFailed(f"{target} exists already: choose another name")
    source = Path(url.removeprefix(SQLITE))
    if not source.exists():
        raise CopyFailed(f"there is no database at {source}")
    half = target.with_name(f"{target.name}.half")
    try:
        half.touch(mode=0o600)
        _copy(source, half)
        _make_durable(half)
        half.rename(target)
        _make_durable(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise CopyFailed(f"{target} was not written: {error}") from error
    finally:
        half.unlink(missing_ok=True)
    return target.stat().st_size


def _copy(source: Path, target: Path) -> None:
    with closing(connect(source)) as here, closing(sqlite3.connect(target, isolation_level=None)) as there:
        # In one step: a copy in several steps restarts at each write. In WAL mode it blocks no writer.
        here.backup(there, pages=-1)
        there.execute("PRAGMA journal_mode = DELETE")
        [(verdict,)] = there.execute("PRAGMA quick_check(1)").fetchall()
    if verdict != "ok":
        raise CopyFailed(f"the database is damaged: {verdict}")


def _make_durable(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def scrub(url: str) -> bool:
    """Merge SQLite's index of prompts, and empty the write-ahead log, which holds older versions of rows.

    False while a reader still uses the log. In the database file, deleted content is overwritten. PostgreSQL keeps old
    rows until it vacuums.
    """
    if not url.startswith(SQLITE):
        return True
    with closing(connect(Path(url.removeprefix(SQLITE)))) as connection:
        connection.execute("INSERT INTO prompt_index (prompt_index) VALUES ('optimize')")
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
