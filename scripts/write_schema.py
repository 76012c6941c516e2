"""Write src/limner/db/new_database: the statements that make an empty database, from the schema and its newest mark."""

import itertools
from collections.abc import Iterator
from typing import Any

from sqlalchemy import create_mock_engine

from limner.db.migrate import HEAD
from limner.db.new_database import SEPARATOR, file_of
from limner.db.schema import metadata

URLS = {"sqlite": "sqlite://", "postgres": "postgresql+psycopg://"}
MARKS = """CREATE TABLE alembic_version (
\tversion_num VARCHAR(32) NOT NULL,
\tCONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)"""  # as Alembic writes it
ROWS = (
    "INSERT INTO queue_clock (id, place) VALUES (1, 0)",
    MARKS,
    f"INSERT INTO alembic_version VALUES ('{HEAD}')",  # noqa: S608 - no value of anybody else
)


def main() -> None:
    for database in URLS:
        file_of(database).write_text(schema_of(database))


def schema_of(database: str) -> str:
    """The statements for one kind of database, as its file holds them."""
    return SEPARATOR.join([*_in_one_order(_tables(URLS[database])), *ROWS]) + "\n"


def _tables(url: str) -> list[str]:
    statements: list[str] = []

    def keep(statement: Any, *_: Any) -> None:
        lines = str(statement.compile(dialect=engine.dialect)).strip().splitlines()
        statements.append("\n".join(line.rstrip() for line in lines))

    engine = create_mock_engine(url, keep)
    metadata.create_all(engine, checkfirst=False)
    return statements


def _in_one_order(statements: list[str]) -> Iterator[str]:
    """The same file each time: SQLAlchemy keeps the indexes of a table in a set."""
    for is_table, group in itertools.groupby(statements, lambda each: each.startswith("CREATE TABLE")):
        alike = list(group)
        yield from alike if is_table else sorted(alike)


if __name__ == "__main__":
    main()
