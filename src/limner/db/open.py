"""From a database URL to a store."""

from pathlib import Path

from limner.ports.records import Store

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgresql+psycopg://")


class DatabaseUrlUnknown(ValueError):
    """The database URL is of no kind that Limner knows."""

    def __init__(self, url: str) -> None:
        scheme = url.partition(":")[0]
        super().__init__(f"no database of kind {scheme!r}: use sqlite:///path or postgresql://user@host/name")


def check_url(url: str) -> None:
    """Raise `DatabaseUrlUnknown` for a database that Limner does not speak."""
    if not url.startswith((SQLITE, *POSTGRES)):
        raise DatabaseUrlUnknown(url)


def open_store(url: str) -> Store:
    if url.startswith(SQLITE):
        from limner.db.sqlite import SqliteStore  # noqa: PLC0415

        return SqliteStore(Path(url.removeprefix(SQLITE)))
    if url.startswith(POSTGRES):
        from limner.db.postgres import PostgresStore  # noqa: PLC0415 - the driver takes half a second to import

        return PostgresStore(url)
    raise DatabaseUrlUnknown(url)
