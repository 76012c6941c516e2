"""Brings a database to the newest schema.

SQLAlchemy and Alembic take a second to import and 20 MB to keep. A start that finds the database current never loads
them: its mark is read with the driver alone, which also makes an empty database with the whole schema and its mark at
once. A test holds the two ways to one result.

A mark is the number of the newest migration. `0017.0015` adds: what knows the schema up to 0015 can use it too, since
all that came later is additive. So old and new processes share a database while a service is upgraded, and the older
version can be installed again.
"""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from limner.db.new_database import IS_EMPTY, create
from limner.db.open_store import POSTGRES, SQLITE, DatabaseUrlUnknown

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

HEAD = "0017.0015"
"""The newest migration."""

MOVING, MOVED = "moving", "moved"
"""Marks of a database that is being filled by `limner db move`, and of one whose rows were moved away."""

_WAIT_S = 20
"""How long one process waits while another one migrates."""

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('limner migrations'))"


class SchemaTooNew(RuntimeError):
    """The database has the schema of a newer Limner."""

    def __init__(self, mark: str) -> None:
        super().__init__(f"the database has schema {mark}, this Limner supports {HEAD} at most: install a newer Limner")


class DatabaseMoved(RuntimeError):
    """A move into the database is not finished, or its rows were moved away: no service may run on it."""

    def __init__(self, mark: str) -> None:
        reason = "the database was moved away: set LIMNER_DATABASE_URL to where it is now"
        if mark.startswith(MOVING):
            reason = "a move into this database is not finished: run `limner db move` again"
        super().__init__(reason)


def migrate(url: str) -> str:
    """Bring the database to `HEAD`. Returns `created`, `upgraded`, `current`, or `newer` where it is beyond it."""
    mark = current_mark(url)
    if mark == HEAD:
        return "current"
    if is_newer(mark):
        return _newer(mark)
    if mark is None and create_if_empty(url):
        return "created"
    engine = open_engine(url)
    try:
        with engine.begin() as conn:
            return _bring_to_head(conn)
    finally:
        engine.dispose()


def rehearse(url: str) -> tuple[str | None, tuple[str, ...]]:
    """Run the missing migrations and roll them back. Returns the database's mark and theirs, oldest first.

    The database is locked as in an upgrade, and unchanged. Raises what an upgrade would.
    """
    mark = current_mark(url)
    if is_newer(mark):
        _newer(mark)
        return mark, ()
    if mark == HEAD:
        return mark, ()
    engine = open_engine(url)
    try:
        with engine.connect() as conn, conn.begin() as transaction:
            _bring_to_head(conn)
            transaction.rollback()
    finally:
        engine.dispose()
    return mark, tuple(each for each in sorted(_known_numbers()) if each > _number(mark or ""))


def is_newer(mark: str | None) -> TypeGuard[str]:
    """Whether a newer Limner has migrated the database."""
    return mark is not None and _number(mark) not in _known_numbers()


def serves_this_version(mark: str) -> bool:
    """Whether this Limner can use what a newer one migrated to this mark."""
    oldest = mark.partition(".")[2]
    return bool(oldest) and oldest <= _number(HEAD)


def current_mark(url: str) -> str | None:
    """The revision in the database; None without one. No file is made."""
    if url.startswith(SQLITE) and not Path(url.removeprefix(SQLITE)).exists():
        return None
    connection = _connect(url)
    try:
        return _read_mark(connection)
    finally:
        connection.close()


def open_engine(url: str) -> "Engine":
    """An engine whose transactions include schema changes."""
    from sqlalchemy import URL, create_engine, event  # noqa: PLC0415 - slow to import, rarely needed
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    if not url.startswith(SQLITE):
        from limner.db.engines.postgres import connect  # noqa: PLC0415 - the driver takes half a second to import

        return create_engine("postgresql+psycopg://", creator=lambda: connect(url), poolclass=NullPool)
    # Built from parts: in a URL, a path with "?" or "%" would name another file.
    address = URL.create("sqlite", database=url.removeprefix(SQLITE))
    engine = create_engine(address, poolclass=NullPool, connect_args={"timeout": _WAIT_S, "isolation_level": None})
    # Without this, the driver commits each statement that changes the schema.
    event.listen(engine, "begin", lambda conn: conn.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def create_on(conn: "Connection", mark: str = HEAD) -> None:
    """Create the whole schema and record its newest revision, or another mark."""
    create(conn.exec_driver_sql, "sqlite" if conn.dialect.name == "sqlite" else "postgres")
    if mark != HEAD:
        conn.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{mark}'")


def create_if_empty(url: str) -> bool:
    """Create the whole schema where the database has no table, all of it or nothing; whether it was so."""
    database = "sqlite" if url.startswith(SQLITE) else "postgres"
    with contextlib.closing(_connect(url)) as connection:
        connection.execute("BEGIN IMMEDIATE" if database == "sqlite" else _LOCK)
        is_empty = connection.execute(IS_EMPTY[database]).fetchone()[0]
        if is_empty:
            create(connection.execute, database)
        connection.commit()
        return bool(is_empty)


def upgrade(conn: "Connection", revision: str = "head") -> None:
    """Run the missing migrations up to `revision`."""
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = conn
    command.upgrade(config, revision)


def _bring_to_head(conn: "Connection") -> str:
    from sqlalchemy import inspect  # noqa: PLC0415

    _wait_for_others(conn)
    tables = inspect(conn).get_table_names()
    mark = _mark(conn) if "alembic_version" in tables else None
    if mark == HEAD:  # another process was first
        return "current"
    if is_newer(mark):
        return _newer(mark)
    if not tables:
        create_on(conn)
        return "created"
    upgrade(conn)
    return "upgraded"


def _wait_for_others(conn: "Connection") -> None:
    """Wait for the migration lock. On SQLite the transaction is the lock."""
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(_LOCK)


def _mark(conn: "Connection") -> str | None:
    mark: str | None = conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return mark


def _newer(mark: str) -> str:
    """Raises `SchemaTooNew` where this version cannot use it, `DatabaseMoved` where none may."""
    if mark.startswith((MOVING, MOVED)):
        raise DatabaseMoved(mark)
    if not serves_this_version(mark):
        raise SchemaTooNew(mark)
    return "newer"


def _number(mark: str) -> str:
    return mark.partition(".")[0]


def _known_numbers() -> set[str]:
    return {file.name.partition("_")[0] for file in (Path(__file__).with_name("migrations") / "versions").glob("*.py")}


def _connect(url: str) -> Any:
    if url.startswith(SQLITE):
        from limner.db.engines.sqlite import connect as connect_sqlite  # noqa: PLC0415

        return connect_sqlite(Path(url.removeprefix(SQLITE)))
    if url.startswith(POSTGRES):
        from limner.db.engines.postgres import connect as connect_postgres  # noqa: PLC0415

        return connect_postgres(url)
    raise DatabaseUrlUnknown(url)


def _read_mark(connection: Any) -> str | None:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except Exception:  # noqa: BLE001 - each driver has its own error for a missing table
        return None
    return str(row[0]) if row else None
