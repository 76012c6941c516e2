"""One of the two databases of a move, of either kind."""

from collections.abc import Generator, Iterable, Sequence
from typing import Protocol

from sqlalchemy import Table

from limner.db.move.sums import Row
from limner.db.sql import Db


class MoveRefused(RuntimeError):
    """The databases are not in the state for a move; nothing was changed. `remedy` says what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


class MoveFailed(RuntimeError):
    """A table could not be written; what was moved before it stays, and the source is as it was."""


class End(Protocol):
    """Closed by `close`, which rolls back what was not committed."""

    @property
    def db(self) -> Db: ...

    @property
    def name(self) -> str:
        """What people call it, without a password."""
        ...

    def hold(self) -> None:
        """As a source: see that nobody uses the database, and keep it so until the end. Raises `MoveRefused`."""
        ...

    def mark(self) -> str | None:
        """The schema's mark; None without a table of marks."""
        ...

    def set_mark(self, mark: str) -> None:
        """And commit."""
        ...

    def is_empty(self) -> bool: ...

    def check(self) -> None:
        """As a target: see whether it can hold everything. Raises `MoveRefused`."""
        ...

    def rows(self, table: Table) -> Generator[Row]: ...

    def clear(self, tables: Sequence[Table]) -> None:
        """Delete all rows of these tables, which are in the order of their references, and commit."""
        ...

    def write(self, table: Table, rows: Iterable[Row]) -> None:
        """Write a table in one transaction."""
        ...

    def last_number(self, table: Table) -> int:
        """The highest number that the table's serial column ever had; 0 without such a column."""
        ...

    def continue_after(self, table: Table, number: int) -> None:
        """Let the table's serial column go on after this number."""
        ...

    def finish(self) -> None:
        """Build what is made from the tables, and gather statistics."""
        ...

    def close(self) -> None: ...


def columns_of(table: Table) -> str:
    return ", ".join(f'"{column.name}"' for column in table.columns)
