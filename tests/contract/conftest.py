import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.client import PICTURE, Client, client_of, newcomer
from serving import Served, serving


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that answers at once, for tests that do not care who else it serves."""
    with serving(tmp_path_factory.mktemp("served"), uploads_per_second="1000") as server:
        yield server


@pytest.fixture(scope="session")
def client(served: Served) -> Client:
    return client_of(served)


@pytest.fixture(scope="session")
def other_client(served: Served) -> Client:
    """A caller of another account."""
    return newcomer(served)


@pytest.fixture(scope="session")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that accepts tasks and runs none."""
    with serving(tmp_path_factory.mktemp("idle"), "--api-only", account_tasks="1000000") as server:
        yield server


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="session")
def inline() -> dict[str, str]:
    """A reference picture inside the request."""
    return {"type": "png", "data": base64.b64encode(PICTURE).decode()}
