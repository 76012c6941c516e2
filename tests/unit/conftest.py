import shutil
from collections.abc import AsyncIterator, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from limner.db.migrate import migrate
from limner.db.open_store import open_store
from limner.db.store import Store
from limner.ports.templates import Templates
from limner.templates.loader import load_templates
from stores import ServiceHarness, make_service


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """Keep what is logged: for a look at it, and off the screen."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture(scope="session")
def templates() -> Templates:
    return load_templates()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "limner.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
async def store(empty_database: Path, tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(f"sqlite:///{shutil.copy(empty_database, tmp_path / 'limner.db')}")
    yield store
    await store.close()


@pytest.fixture
def service(store: Store, tmp_path: Path, templates: Templates) -> ServiceHarness:
    """The real store on SQLite, the real intake, the real templates; only time and vendors are ours."""
    return make_service(store, f"sqlite:///{tmp_path / 'limner.db'}", tmp_path, templates)
