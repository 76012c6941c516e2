"""Copies of a database: SQLite by its own backup, PostgreSQL by pg_dump and pg_restore."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from limner.db.database_files import CopyFailed, back_up
from limner.db.open_store import SQLITE


class NotEmpty(RuntimeError):
    """The database that a copy should be restored into has content; the message names it."""


def kind_of(url: str) -> str:
    """`sqlite` or `postgresql`."""
    return "sqlite" if url.startswith(SQLITE) else "postgresql"


def dump(url: str, target: Path) -> None:
    """Write a copy of the database, as it is at one moment, to a new file of its owner's. Raises `CopyFailed`."""
    if kind_of(url) == "sqlite":
        back_up(url, target)
        return
    target.touch(mode=0o600)
    _run(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}"], url)


def restore(url: str, source: Path) -> None:
    """Make the database from a copy. It must be missing or empty: raises `NotEmpty`, or `CopyFailed`."""
    check_empty(url)
    if kind_of(url) == "sqlite":
        target = Path(url.removeprefix(SQLITE))
        half = target.with_name(f"{target.name}.half")
        half.touch(mode=0o600)
        shutil.copyfile(source, half)
        half.rename(target)
        return
    _run(["pg_restore", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", str(source)], url)


def check(copy: Path, kind: str) -> None:
    """Raises `ValueError` when no database could be made from a copy."""
    if kind == "sqlite":
        try:
            with closing(sqlite3.connect(copy)) as database:
                [(verdict,)] = database.execute("PRAGMA integrity_check(1)").fetchall()
        except sqlite3.Error as error:
            raise ValueError(str(error)) from error
        if verdict != "ok":
            raise ValueError(verdict)
        return
    try:
        _run(["pg_restore", "--list", str(copy)], None)
    except CopyFailed as error:
        raise ValueError(str(error)) from error


def check_empty(url: str) -> None:
    """Raises `NotEmpty` when there is a database already."""
    if kind_of(url) == "sqlite":
        if (target := Path(url.removeprefix(SQLITE))).exists():
            raise NotEmpty(f"there is a database at {target}")
    elif _has_tables(url):
        raise NotEmpty("the PostgreSQL database has tables")


def _has_tables(url: str) -> bool:
    from limner.db.engines.postgres import connect  # noqa: PLC0415 - not needed with SQLite

    with closing(connect(url)) as connection:
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()").fetchone()
    return bool(found and found[0])


def _run(command: Sequence[str], url: str | None) -> None:
    if shutil.which(command[0]) is None:
        raise CopyFailed(f"{command[0]} is not installed: it comes with PostgreSQL's client programs")
    place, variables = _connection(url) if url else ([], {})
    done = subprocess.run(  # noqa: S603 - our own words
        [*command, *place], env=os.environ | variables, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CopyFailed(f"{command[0]}: {done.stderr.strip()}")


def _connection(url: str) -> tuple[list[str], dict[str, str]]:
    """How the programs are told of a database: its password by the environment, which other users cannot read."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo  # noqa: PLC0415 - not needed with SQLite

    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    parts = conninfo_to_dict(plain)
    password = parts.pop("password", None)
    place = make_conninfo("", **parts)
    return [f"--dbname={place}"], {"PGPASSWORD": str(password)} if password else {}
