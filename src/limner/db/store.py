"""The protocol of the two stores."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from limner.db.records import Records

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PostgresPool:
    """How a process uses PostgreSQL: by so many connections; `pooled` where a pooler in transaction mode takes them."""

    connections: int = 8
    pooled: bool = False


USUAL_POOL = PostgresPool()


class StoreUnavailable(Exception):
    """The database is unreachable, full or read-only; the unit of work is not at fault.

    Nothing that it wrote is kept, unless the connection broke during the commit: then all of it may be.
    """


class Store(Protocol):
    """Runs units of work. Raises `StoreUnavailable` when the database cannot be used."""

    async def run(self, work: Callable[[Records], T]) -> T:
        """Run `work` and commit what it wrote before returning. An exception of `work` rolls back and is raised here.

        A caller that is cancelled does not stop it: `work` is run and committed all the same.
        """
        ...

    async def run_unsynced(self, work: Callable[[Records], T]) -> T:
        """As `run`, but it does not wait for the disk.

        It survives the end of the process. A power cut, or a crash of the database's server, may undo it, unless a
        later `run` was committed: what that returns after is durable together with all that was committed before.
        """
        ...

    async def read(self, work: Callable[[Records], T]) -> T:
        """Run `work`, which only reads."""
        ...

    async def close(self) -> None: ...
