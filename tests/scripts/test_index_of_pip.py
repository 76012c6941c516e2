import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "index_of_pip.py"


def output_for(*listed: str) -> subprocess.CompletedProcess[str]:
    """What the script says of these lines of `pip config list`."""
    return subprocess.run(
        [sys.executable, SCRIPT], input="\n".join(listed), check=False, capture_output=True, text=True
    )


def in_a_shell(exports: str, name: str) -> str:
    script = f'{exports}\nprintf %s "${name}"'
    return subprocess.run(["sh", "-c", script], env={}, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("global.index-url='file:///one'", "UV_DEFAULT_INDEX", "file:///one"),
        ("global.extra-index-url='file:///one file:///two'", "UV_INDEX", "file:///one file:///two"),
        ("global.extra-index-url='\\nfile:///one\\nfile:///two'", "UV_INDEX", "file:///one file:///two"),
        ("install.find-links='/wheels /more'", "UV_FIND_LINKS", "/wheels,/more"),
        (":env:.cert='/etc/my.crt'", "SSL_CERT_FILE", "/etc/my.crt"),
        (":env:.default-timeout='180'", "UV_HTTP_TIMEOUT", "180"),
        ('global.index-url="file:///it\'s $HOME"', "UV_DEFAULT_INDEX", "file:///it's $HOME"),
    ],
)
def test_what_pip_is_reported_uv_is_reported(line: str, name: str, value: str) -> None:
    said = output_for(line)

    assert said.returncode == 0
    assert in_a_shell(said.stdout, name) == value


def test_the_environment_wins_over_files_and_the_command_s_own_section_over_the_general_one() -> None:
    lines = [":env:.index-url='file:///c'", "install.index-url='file:///b'", "global.index-url='file:///a'"]

    assert in_a_shell(output_for(*lines).stdout, "UV_DEFAULT_INDEX") == "file:///c"
    assert in_a_shell(output_for(*lines[1:]).stdout, "UV_DEFAULT_INDEX") == "file:///b"


def test_settings_that_do_not_matter_are_left_out() -> None:
    said = output_for("global.disable-pip-version-check='1'", "freeze.index-url='file:///x'")

    assert said.returncode == 0
    assert said.stdout == ""


@pytest.mark.parametrize("line", ["global.no-binary=':all:'", "install.user='true'", "global.index-url=unquoted"])
def test_what_only_pip_understands_is_left_to_pip(line: str) -> None:
    said = output_for(line)

    assert said.returncode == 1
    assert said.stdout == ""
