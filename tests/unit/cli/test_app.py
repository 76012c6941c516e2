"""A command is imported when it is named: to import all would take longer than most of them run."""

import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from limner.cli.app import COMMANDS, FAMILIES, app


def imported(*arguments: str) -> set[str]:
    """The modules of Limner's commands, and some that take long to import, that a command has imported."""
    code = (
        "import sys, contextlib; from limner.__main__ import main; sys.argv = ['limner', *sys.argv[1:]]\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
    return set(done.stdout.splitlines()[-1].split())


def test_no_other_command_is_imported() -> None:
    found = imported("mcp", "--no-such-option")

    assert "limner.cli.serving.mcp" in found
    assert not found & {"limner.cli.serving.serve", "limner.cli.terminal", "limner.settings", "limner.bootstrap"}


def test_the_version_imports_no_command() -> None:
    assert not imported("--version") & {"limner.cli.terminal", "limner.settings", "rich"}


@pytest.mark.parametrize("name", [*COMMANDS, *FAMILIES])
def test_every_command_is_made(name: str) -> None:
    group: Any = get_command(app)

    assert group.commands[name].name == name
    assert f"limner {name}" in CliRunner().invoke(app, [name, "--help"], prog_name="limner").stdout


def test_all_commands_are_listed() -> None:
    listed = CliRunner().invoke(app, ["--help"], prog_name="limner").stdout

    assert [name for name in (*COMMANDS, *FAMILIES) if name not in listed] == []


def test_a_command_that_is_nearly_named_is_suggested() -> None:
    done = CliRunner().invoke(app, ["modells"], prog_name="limner")

    assert done.exit_code == 2
    assert "Did you mean 'models'" in done.output
