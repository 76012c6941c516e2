"""`limner mcp` starts without the modules of other commands, since agents wait for it, and is the same command."""

import subprocess
import sys

from typer.testing import CliRunner

from limner.cli.app import app
from limner.cli.serving.mcp import alone


def test_no_other_command_is_imported() -> None:
    code = (
        "import sys; from limner.__main__ import _app; _app(['mcp']); "
        "print([name for name in ('limner.cli.app', 'limner.settings', 'pydantic', 'rich') if name in sys.modules])"
    )

    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_the_command_is_the_one_of_the_program() -> None:
    asked = ["mcp", "--help"]
    helps = [CliRunner().invoke(each, asked, prog_name="limner").stdout for each in (alone(), app)]

    assert helps[0] == helps[1]
    assert "--folder" in helps[0]
