from importlib.util import find_spec
from pathlib import Path

import pytest

from tiny_models.scripts import run_script

NO_DIFFUSERS = "torch and diffusers are not installed"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny models; a test that asks for it is skipped where nothing could run them."""
    if not all(map(find_spec, ("torch", "diffusers", "transformers", "accelerate"))):
        pytest.skip(NO_DIFFUSERS)
    folder = tmp_path_factory.mktemp("models")
    run_script("tiny.py", str(folder))
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [report for report in terminalreporter.getreports("skipped") if NO_DIFFUSERS in str(report.longrepr)]
    if skipped:
        terminalreporter.write_line(
            f"NOT TESTED WITH DIFFUSERS: {NO_DIFFUSERS}, {len(skipped)} tests were skipped. `make test-diffusers` runs"
            " them in an environment of their own.",
            red=True,
            bold=True,
        )
