import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from azure_server import NO_AZURITE, AzureServer, azure_server
from clients.environments import NotInstalled
from s3_server import S3Server, s3_server


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    try:
        with azure_server(tmp_path_factory.mktemp("azure")) as server:
            yield server
    except NotInstalled as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{NO_AZURITE}: {error}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where objects are stored, nothing in it yet."""

    kind: str
    url: str


@pytest.fixture(params=["folder", "s3", "azure"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Each kind of store that can be run here. Google's cannot: see docs/scaling.md."""
    kind: str = request.param
    if kind == "folder":
        return Place(kind, f"file://{tmp_path / 'blobs'}")
    server: S3Server | AzureServer = request.getfixturevalue(kind)
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    return Place(kind, f"{server.url}/{uuid.uuid4()}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if any(NO_AZURITE in str(report.longrepr) for report in terminalreporter.getreports("skipped")):
        terminalreporter.write_line(f"NOT TESTED ON AZURE: {NO_AZURITE}.", red=True, bold=True)
