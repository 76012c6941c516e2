"""Bringing a database to the newest schema.

Alembic takes a second to import, so a start that finds nothing to do never loads it: an empty database gets the whole schema
and its mark at once, a current one is recognised by its mark. A test holds the two ways to the same result.
"""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from limner.db.schema import HEAD, metadata, queue_clock


class SchemaTooNew(RuntimeError):
    """The database was written by a newer Limner."""


def migrate(engine: Engine) -> str:
    """Bring the database behind `engine` to `HEAD`; says what was done: `created`, `upgraded` or `current`."""
    with engine.begin() as conn:
        mark = current_mark(conn)
        if mark == HEAD:
            return "current"
        if mark is None and not inspect(conn).get_table_names():
            create(conn)
            return "created"
    upgrade(engine)
    return "upgraded"


def current_mark(conn: Connection) -> str | None:
    if not inspect(conn).has_table("alembic_version"):
        return None
    mark: str | None = conn.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return mark


def create(conn: Connection) -> None:
    metadata.create_all(conn)
    conn.execute(queue_clock.insert().values(id=1, place=0))
    conn.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    conn.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})


def upgrade(engine: Engine) -> None:
    from alembic import command  # noqa: PLC0415 - slow to import, rarely needed
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
