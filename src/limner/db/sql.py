"""Small helpers around statements. The SQL is the subset that SQLite and PostgreSQL share."""

from typing import Any

import orjson
from sqlalchemy import Connection, TextClause, bindparam, text


def by_ids(sql: str) -> TextClause:
    """A statement with one list of ids in it, written `IN :ids`."""
    return text(sql).bindparams(bindparam("ids", expanding=True))


def skipping_locked(sql: str) -> dict[str, TextClause]:
    """A statement that takes rows nobody else is taking, written with `{skip_locked}` at the end of its choice.

    SQLite has one writer at a time and nothing to skip.
    """
    return {
        "sqlite": text(sql.format(skip_locked="")),
        "postgresql": text(sql.format(skip_locked="FOR UPDATE SKIP LOCKED")),
    }


def for_dialect(conn: Connection, statements: dict[str, TextClause]) -> TextClause:
    return statements[conn.dialect.name]


def dump(value: Any) -> str:
    return orjson.dumps(value).decode()


def load(value: str | None) -> Any:
    return None if value is None else orjson.loads(value)
