"""The whole schema as SQL, for each database: what an empty one is made with, without SQLAlchemy.

`scripts/write_schema.py` writes the files from `limner.db.schema`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

SEPARATOR: Final = ";\n\n"

IS_EMPTY: Final = {
    "sqlite": "SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)",
    "postgres": "SELECT NOT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema())",
}
"""Queries whether a database has no table."""


def create(run: Callable[[str], Any], database: str) -> None:
    """Run the statements that make the schema of an empty `database`, `sqlite` or `postgres`."""
    for statement in file_of(database).read_text().split(SEPARATOR):
        run(statement)


def file_of(database: str) -> Path:
    return Path(__file__).with_name(f"{database}.sql")
