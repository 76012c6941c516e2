"""From a database URL to a store."""

from pathlib import Path

from limner.db.sql import StatementCount
from limner.db.store import USUAL_POOL, PostgresPool, Store
from limner.ports.signals import OnTasksChanged, SignalRelay, ignore_task_changes

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgresql+psycopg://")


class DatabaseUrlUnknown(ValueError):
    """The database URL has a scheme that Limner does not support."""

    def __init__(self, url: str) -> None:
        scheme = url.partition(":")[0]
        super().__init__(f"no database of kind {scheme!r}: use sqlite:///path or postgresql://user@host/name")


def check_url(url: str) -> None:
    """Raise `DatabaseUrlUnknown` for a database that Limner does not support."""
    if not url.startswith((SQLITE, *POSTGRES)):
        raise DatabaseUrlUnknown(url)


def open_store(
    url: str,
    on_tasks_changed: OnTasksChanged = ignore_task_changes,
    *,
    pool: PostgresPool = USUAL_POOL,
    local_clock: bool = False,
    statements: StatementCount | None = None,
) -> Store:
    """The store behind a URL. See the stores for `on_tasks_changed` and `local_clock`; `statements` counts theirs.

    `pool` is for PostgreSQL alone.
    """
    if url.startswith(SQLITE):
        from limner.db.engines.sqlite import SqliteStore  # noqa: PLC0415

        return SqliteStore(Path(url.removeprefix(SQLITE)), on_tasks_changed, statements=statements)
    if url.startswith(POSTGRES):
        from limner.db.engines.postgres import PostgresStore  # noqa: PLC0415 - the driver takes half a second to import

        return PostgresStore(url, on_tasks_changed, pool=pool, local_clock=local_clock, statements=statements)
    raise DatabaseUrlUnknown(url)


def connections_of(url: str, pool: PostgresPool) -> int:
    """How many connections the store behind a URL has: how many units of work can run at once."""
    if url.startswith(SQLITE):
        from limner.db.engines.sqlite import READERS  # noqa: PLC0415

        return 1 + READERS
    return pool.connections


def open_relay(url: str) -> SignalRelay:
    """The relay of hints between the processes that share the database behind a URL."""
    if url.startswith(SQLITE):
        from limner.db.engines.signals_sqlite import SqliteRelay  # noqa: PLC0415

        return SqliteRelay(Path(url.removeprefix(SQLITE)))
    if url.startswith(POSTGRES):
        from limner.db.engines.signals_postgres import PostgresRelay  # noqa: PLC0415

        return PostgresRelay(url)
    raise DatabaseUrlUnknown(url)
