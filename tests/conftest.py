import logging
import os
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from blockbuster import blockbuster_ctx
from hypothesis import settings

from postgres import Server, find_programs, running_server

NO_POSTGRES = "PostgreSQL's programs are not installed"
GZIP = b"\x1f\x8b"

settings.register_profile("untimed", deadline=None)  # a loaded machine is no failure
settings.load_profile("untimed")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Test id of gzip data without its mtime, equal in all processes."""
    if isinstance(val, bytes) and val.startswith(GZIP):
        return f"gzip {zlib.crc32(val[:4] + val[8:]):08x}"
    return None


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def loop_never_blocks(request: pytest.FixtureRequest) -> Iterator[None]:
    """An async test fails when code of `limner` blocks its loop: invariant 8."""
    if "anyio_backend" not in request.fixturenames:
        yield
        return
    with blockbuster_ctx(scanned_modules=["limner"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def loggers_follow_the_configuration() -> Iterator[None]:
    """A logger that keeps the configuration of one test's command would hide its lines from a later test."""
    configure = structlog.configure

    def uncached(**facts: Any) -> None:
        configure(**facts | {"cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", uncached)
        yield


@pytest.fixture(autouse=True)
def logs_are_configured_as_at_first() -> Iterator[None]:
    """A command that runs in the tests' process leaves its level behind, which would hide lines from later tests."""
    structlog.reset_defaults()
    handlers = logging.root.handlers[:]
    yield
    logging.root.handlers[:] = handlers


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    programs = find_programs()
    if programs is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(NO_POSTGRES)
    with running_server(programs) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """The URL of a new, empty database, which is dropped afterwards."""
    with postgres_server.database() as name:
        yield postgres_server.url(name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [report for report in terminalreporter.getreports("skipped") if NO_POSTGRES in str(report.longrepr)]
    if skipped:
        terminalreporter.write_line(
            f"NOT TESTED ON POSTGRESQL: its programs are missing, {len(skipped)} tests were skipped. Debian's package"
            " `postgresql` brings them.",
            red=True,
            bold=True,
        )
