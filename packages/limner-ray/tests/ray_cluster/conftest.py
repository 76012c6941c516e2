"""A Ray cluster of two nodes on this machine, with the application deployed; all on the loopback address."""

import os
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

NO_RAY = "Ray is not installed"

collect_ignore_glob = [] if find_spec("ray") else ["test_*.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if collect_ignore_glob:
        terminalreporter.write_line(
            f"NOT TESTED ON RAY: {NO_RAY}. `make test-ray` runs these tests in an environment of their own.",
            red=True,
            bold=True,
        )


if find_spec("ray"):
    from ray_cluster.harness import ENVIRONMENT, RayHarness, running_cluster

    os.environ.update(ENVIRONMENT)  # before anything imports Ray, which reads it once

    @pytest.fixture(scope="session")
    def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayHarness]:
        with running_cluster(tmp_path_factory.mktemp("ray")) as running:
            yield running
