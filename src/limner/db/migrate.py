"""Bringing a database to the newest schema.

SQLAlchemy and Alembic take two seconds to import. A start that finds the database current never loads them: its mark
is read with the driver alone. An empty database gets the whole schema and its mark at once; a test holds the two ways
to one result.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.db.open import POSTGRES, SQLITE, DatabaseUrlUnknown

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

HEAD = "0001"
"""The newest migration."""


class SchemaTooNew(RuntimeError):
    """The database was written by a newer Limner."""

    def __init__(self, mark: str) -> None:
        super().__init__(f"the database has schema {mark}, this Limner knows {HEAD} at most: install a newer Limner")


def migrate(url: str) -> str:
    """Bring the database to `HEAD`; says what was done: `created`, `upgraded` or `current`."""
    if current_mark(url) == HEAD:
        return "current"
    engine = open_engine(url)
    try:
        return _migrate(engine)
    finally:
        engine.dispose()


def current_mark(url: str) -> str | None:
    """The database's mark; None without one."""
    connection = _connect(url)
    try:
        return _read_mark(connection)
    finally:
        connection.close()


def open_engine(url: str) -> "Engine":
    from sqlalchemy import create_engine  # noqa: PLC0415 - slow to import, rarely needed
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    if url.startswith(SQLITE):
        return create_engine(url, poolclass=NullPool)
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)


def create(conn: "Connection") -> None:
    """The whole schema, and the mark of its newest migration."""
    from sqlalchemy import text  # noqa: PLC0415

    from limner.db.schema import metadata, queue_clock  # noqa: PLC0415

    metadata.create_all(conn)
    conn.execute(queue_clock.insert().values(id=1, place=0))
    conn.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    conn.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})


def upgrade(engine: "Engine") -> None:
    """Run the migrations that the database lacks."""
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise SchemaTooNew(str(error)) from error


def _migrate(engine: "Engine") -> str:
    from sqlalchemy import inspect  # noqa: PLC0415

    with engine.begin() as conn:
        if not inspect(conn).get_table_names():
            create(conn)
            return "created"
    upgrade(engine)
    return "upgraded"


def _connect(url: str) -> Any:
    if url.startswith(SQLITE):
        from limner.db.sqlite import connect as connect_sqlite  # noqa: PLC0415

        return connect_sqlite(Path(url.removeprefix(SQLITE)))
    if url.startswith(POSTGRES):
        from limner.db.postgres import connect as connect_postgres  # noqa: PLC0415

        return connect_postgres(url)
    raise DatabaseUrlUnknown(url)


def _read_mark(connection: Any) -> str | None:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except Exception:  # noqa: BLE001 - each driver has its own name for a table that is not there
        return None
    return str(row[0]) if row else None
