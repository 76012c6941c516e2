import os
import random
import shutil
import socket
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from clients.environments import NotInstalled, python_of
from clients.walk import Place, Run, Walk, walk
from contract.client import PICTURE
from serving import serving

NO_PACKAGES = "the published client packages cannot be installed"
NO_PROGRAM = "this machine lacks the client"

SETTINGS = {"account_tasks": "100", "uploads_per_second": "1000"}


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server on http that takes its time, so that clients wait; it fetches references from this machine as well."""
    slow = {"sandbox_delay_s": "0.2", "fetch_allow": "127.0.0.0/8"}
    with serving(tmp_path_factory.mktemp("plain"), **SETTINGS, **slow) as served:
        yield Place(served)


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server on https, with a certificate of its own making."""
    data = tmp_path_factory.mktemp("secured")
    with serving(data, "--tls-local", **SETTINGS) as served:
        yield Place(served, data / "tls" / "authority.pem")


@pytest.fixture(scope="session")
def impostor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server under the name and port that the old packages know, for programs whose address cannot be changed."""
    data, address = tmp_path_factory.mktemp("impostor"), _address_with_port_443()
    arguments = ("--tls-local", "--host", address, "--port", "443")
    with serving(data, *arguments, public_url="https://api.tripo3d.ai", **SETTINGS) as served:
        yield Place(served, data / "tls" / "authority.pem", address)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a Python program of `programs/` in an environment of `requirements/clients/`."""
    failed: list[str] = []

    def run(program: str, environment: str, place: Place, picture: bytes = PICTURE, **variables: str) -> Walk:
        command = place.command(_python_of(environment, failed), program)
        return walk(command, place, tmp_path_factory.mktemp(environment), picture, **variables)

    return run


@pytest.fixture(scope="session")
def run_by(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a program of `programs/` by one that the machine has: a shell, Node."""

    def run_by(interpreter: str, program: str, place: Place, *, needs: str) -> Walk:
        if shutil.which(needs) is None:
            pytest.skip(f"{NO_PROGRAM} {needs}")
        return walk(place.command(interpreter, program), place, tmp_path_factory.mktemp(needs), PICTURE)

    return run_by


@pytest.fixture(scope="session")
def large_picture() -> bytes:
    """A picture of more than 8 MiB, from where on boto3 sends in parts."""
    side, drawn = 1700, BytesIO()
    pixels = random.Random(11).randbytes(side * side * 3)
    Image.frombytes("RGB", (side, side), pixels).save(drawn, "PNG", compress_level=0)
    assert len(drawn.getvalue()) > 8 * 1024 * 1024
    return drawn.getvalue()


def _python_of(environment: str, failed: list[str]) -> Path:
    """Who could not install one environment will not install the next."""
    if not failed:
        try:
            return python_of(environment)
        except NotInstalled as error:
            failed.append(f"{NO_PACKAGES}: {error}")
    return (pytest.fail if os.environ.get("CI") else pytest.skip)(failed[0])


def _address_with_port_443() -> str:
    """An address of this machine whose port 443 is free to us: any other than the first is unlikely to be taken."""
    host = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(2, 254)}"
    with socket.socket() as probe:
        try:
            probe.bind((host, 443))
        except OSError as error:
            pytest.skip(f"port 443 of a loopback address cannot be listened on: {error.strerror}")
    return host


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [str(report.longrepr) for report in terminalreporter.getreports("skipped")]
    without_packages = sum(NO_PACKAGES in each for each in skipped)
    if without_packages:
        terminalreporter.write_line(
            f"NOT TESTED WITH REAL CLIENTS: {NO_PACKAGES}, {without_packages} tests were skipped. They are fetched once"
            " and kept in .venv-clients.",
            red=True,
            bold=True,
        )
    for name in ("curl", "node"):
        if any(f"{NO_PROGRAM} {name}" in each for each in skipped):
            terminalreporter.write_line(f"NOT TESTED WITH {name.upper()}: it is not installed.", red=True, bold=True)
