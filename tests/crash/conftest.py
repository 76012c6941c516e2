from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from crash.crew import Crew
from crash.world import Nursery, World, nursery, rich_account
from limner.bootstrap import Limner, build, prepare_data
from limner.db.open_store import open_store
from limner.domain.routing.route import UnknownOutcome
from limner.settings import Settings

Opened = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture(scope="session")
def victims() -> Iterator[Nursery]:
    with nursery() as made:
        yield made


ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what has nothing to do with the kind of database, and takes long."""


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """A new database of each kind; None is SQLite's own place in the data folder."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def limner(tmp_path: Path, database_url: str | None) -> Limner:
    """A service over an empty data folder; whoever opens it closes it."""
    settings = Settings(data=tmp_path / "data", engine="sandbox", database_url=database_url, account_tasks=1000)
    prepare_data(settings)
    return build(settings)


@pytest.fixture
def world(victims: Nursery, limner: Limner, tmp_path: Path) -> Opened:
    """`async with world(vendor, policy)`: a service with one rich account."""

    @asynccontextmanager
    async def opened(vendor: str, policy: UnknownOutcome = UnknownOutcome.RESEND_ONCE) -> AsyncIterator[World]:
        yield World(limner, await rich_account(limner), victims, tmp_path, vendor, policy)
        await limner.close()

    return opened


@pytest.fixture
async def crew(limner: Limner) -> AsyncIterator[Crew]:
    by_hand = open_store(limner.settings.resolved_database_url, limner.signals.tasks_changed, local_clock=True)
    await limner.store.close()
    limner = replace(limner, store=by_hand)
    with capture_logs():  # a traceback on a terminal is drawn with looks into files, which the loop would wait for
        yield Crew(limner, await rich_account(limner))
    await limner.close()
