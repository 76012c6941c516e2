"""What runs units of work."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from limner.db.records import Records

T = TypeVar("T")


class StoreUnavailable(Exception):
    """The database is away, full or read-only just now: nothing is wrong with the unit of work.

    What it wrote is undone, or else, where the connection was lost at the last moment, stands whole.
    """


class Store(Protocol):
    """Runs units of work. Raises `StoreUnavailable` where it cannot."""

    async def run(self, work: Callable[[Records], T]) -> T:
        """Run `work` and commit what it wrote before returning; an exception undoes it and comes back."""
        ...

    async def read(self, work: Callable[[Records], T]) -> T:
        """Run `work`, which only reads."""
        ...

    async def close(self) -> None: ...
