from collections.abc import Iterator

import pytest

from contract.client import footprint
from contract.v3.client import V3Client, newcomer
from serving import Served


@pytest.fixture(scope="session")
def client(served: Served) -> V3Client:
    return V3Client(served.url, served.key)


@pytest.fixture(scope="session")
def other_client(served: Served) -> V3Client:
    """A caller of another account."""
    return newcomer(served)


@pytest.fixture
def waiting(idle: Served) -> V3Client:
    """A caller whose tasks wait."""
    return newcomer(idle)


@pytest.fixture
def refusing(idle: Served, waiting: V3Client) -> Iterator[V3Client]:
    """A client all of whose requests have to leave nothing behind."""
    before = footprint(idle)
    yield waiting
    assert footprint(idle) == before
