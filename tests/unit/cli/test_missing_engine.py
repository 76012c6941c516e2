"""Without the built-in engine and without a vendor's key: what runs pictures is refused, what administers works."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from limner import bootstrap
from limner.cli.app import app
from serving import OURS


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.setattr(bootstrap, "entry_points", lambda **_: ())
    # The output of one command ends with it; loggers of later tests must not hold it.
    monkeypatch.setattr("limner.telemetry.logs.configure_logs", lambda *_: None)
    return tmp_path / "data"


def limner(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--data", str(data)])


@pytest.mark.parametrize(
    "arguments",
    [
        ("accounts", "list"),
        ("tasks", "list"),
        ("providers", "list"),
        ("credits", "prove"),
        ("accounts", "create", "studio"),
    ],
    ids=" ".join,
)
def test_a_command_that_runs_no_task_needs_no_engine(data: Path, arguments: tuple[str, ...]) -> None:
    done = limner(data, *arguments)

    assert (done.exit_code, "not installed" in done.output) == (0, False), done.output


@pytest.mark.parametrize("arguments", [("generate", "a cat", "-o", "cat.png"), ("worker",)], ids=" ".join)
def test_what_runs_tasks_says_what_to_install_or_set(data: Path, arguments: tuple[str, ...]) -> None:
    done = limner(data, *arguments)

    assert done.exit_code == 1
    assert "pip install limner[builtin]" in done.output


def test_the_doctor_finds_it(data: Path) -> None:
    done = limner(data, "doctor")

    assert done.exit_code == 1
    assert "✗ models" in done.output
    assert "✓ storage" in done.output


def test_an_order_that_cannot_run_leaves_no_task(data: Path) -> None:
    limner(data, "generate", "a cat", "-o", str(data.parent / "cat.png"))

    assert "No tasks" in limner(data, "tasks", "list").output
