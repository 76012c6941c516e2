from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from crash.harness import CrashHarness, ForkServer, funded_account, start_fork_server
from crash.workers import WorkerPool
from limner.bootstrap import Limner, build, prepare_data
from limner.db.open_store import open_store
from limner.domain.routing.route import UnknownOutcome
from limner.settings import Settings

OpenHarness = Callable[..., AbstractAsyncContextManager[CrashHarness]]


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    with start_fork_server() as made:
        yield made


ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For slow tests that do not depend on the kind of database."""


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """A new database of each kind; None is the default SQLite file in the data folder."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def limner(tmp_path: Path, database_url: str | None) -> Limner:
    """A service on an empty data folder; the test closes it."""
    settings = Settings(data=tmp_path / "data", engine="sandbox", database_url=database_url, account_tasks=1000)
    prepare_data(settings)
    return build(settings)


@pytest.fixture
def open_harness(fork_server: ForkServer, limner: Limner, tmp_path: Path) -> OpenHarness:
    """`async with open_harness(vendor, policy)`: a service with one funded account."""

    @asynccontextmanager
    async def opened(vendor: str, policy: UnknownOutcome = UnknownOutcome.RESEND_ONCE) -> AsyncIterator[CrashHarness]:
        yield CrashHarness(limner, await funded_account(limner), fork_server, tmp_path, vendor, policy)
        await limner.close()

    return opened


@pytest.fixture
async def workers(limner: Limner) -> AsyncIterator[WorkerPool]:
    local = open_store(limner.settings.resolved_database_url, limner.signals.tasks_changed, local_clock=True)
    await limner.store.close()
    limner = replace(limner, store=local)
    with capture_logs():  # structlog reads source files to draw a traceback, which would block the loop
        yield WorkerPool(limner, await funded_account(limner))
    await limner.close()
