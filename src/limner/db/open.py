"""From a database URL to a store."""

from pathlib import Path

from sqlalchemy import Engine

from limner.db.postgres import PostgresStore, postgres_engine
from limner.db.sqlite import SqliteStore, sqlite_engine
from limner.ports.records import Store

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgresql+psycopg://")


class DatabaseUrlUnknown(ValueError):
    """The database URL is of no kind that Limner knows."""

    def __init__(self, url: str) -> None:
        scheme = url.partition(":")[0]
        super().__init__(f"no database of kind {scheme!r}: use sqlite:///path or postgresql://user@host/name")


def open_engine(url: str) -> Engine:
    """An engine for migrations and checks; the service itself runs on `open_store`."""
    if url.startswith(_SQLITE):
        return sqlite_engine(Path(url.removeprefix(_SQLITE)))
    if url.startswith(_POSTGRES):
        return postgres_engine(url, 1)
    raise DatabaseUrlUnknown(url)


def open_store(url: str) -> Store:
    if url.startswith(_SQLITE):
        return SqliteStore(Path(url.removeprefix(_SQLITE)))
    if url.startswith(_POSTGRES):
        return PostgresStore(url)
    raise DatabaseUrlUnknown(url)
