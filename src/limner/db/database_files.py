"""The database's files: a copy of them while they are in use, and no trace in them of what was erased."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from limner.db.engines.sqlite import connect
from limner.db.open_store import SQLITE


class CopyFailed(RuntimeError):
    """A copy of the database could not be made, for the reason it gives."""


def back_up(url: str, target: Path) -> int:
    """Copy a SQLite database that others may be using, as it is at one moment; how many bytes the copy has.

    The copy is one file, whole or not there at all, and readable by its owner alone. Raises `CopyFailed`.
    """
    if not url.startswith(SQLITE):
        raise CopyFailed("the database is no file: use pg_dump, which copies a PostgreSQL database while it is in use")
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
        # In one step: a copy in several begins anew each time that somebody writes. Nobody waits for it in WAL mode.
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
    """Empty SQLite's write-ahead log, where older states of a row live on; False while somebody still reads from it.

    In the file itself what was deleted is overwritten. PostgreSQL keeps old rows until it vacuums.
    """
    if not url.startswith(SQLITE):
        return True
    with closing(connect(Path(url.removeprefix(SQLITE)))) as connection:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
