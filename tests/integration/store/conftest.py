import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from limner.db.migrate import migrate
from limner.db.open_store import open_store
from limner.db.store import Store
from limner.ports.templates import Templates
from limner.templates.loader import load_templates
from postgres import Server
from stores import ServiceHarness, delete_all_rows, make_service


@pytest.fixture(scope="session")
def templates() -> Templates:
    return load_templates()


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the schema and nothing in it, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "limner.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def shared_postgres(postgres_server: Server) -> Iterator[str]:
    """Give the URL of a database with the schema, which the tests use one after the other: to make one takes long."""
    with postgres_server.database() as name:
        migrate(postgres_server.url(name))
        yield postgres_server.url(name)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a database with the schema and nothing in it."""
    if request.param == "sqlite":
        path = tmp_path / "limner.db"
        shutil.copy(request.getfixturevalue("empty_sqlite"), path)
        return f"sqlite:///{path}"
    shared: str = request.getfixturevalue("shared_postgres")
    delete_all_rows(shared)
    return shared


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    store = open_store(url, local_clock=True)
    yield store
    await store.close()


@pytest.fixture
def service(store: Store, url: str, tmp_path: Path, templates: Templates) -> ServiceHarness:
    return make_service(store, url, tmp_path, templates)
