"""A type checker finds nothing in programs that use the client. mypy, the other one, reads them in `make check`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from clients.conftest import NO_PACKAGES, NO_PROGRAM
from clients.environments import NotInstalled
from clients.node_packages import node_packages

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted((ROOT / "docs/examples").glob("*.py"))
WRONG = """
from limner_client import LimnerClient

task = LimnerClient().generate(1, references="me.png")
print(task.picture)
"""


@pytest.fixture(scope="module")
def pyright() -> Path:
    if shutil.which("npm") is None:
        pytest.skip(f"{NO_PROGRAM} node")
    try:
        return node_packages() / "node_modules/pyright/index.js"
    except NotInstalled as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{NO_PACKAGES}: {error}")


def test_pyright_finds_what_is_wrong_and_nothing_else(pyright: Path, tmp_path: Path) -> None:
    for program in PROGRAMS:
        shutil.copy(program, tmp_path)
    (tmp_path / "wrong.py").write_text(WRONG)
    strict = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT / "packages/limner-client/src")]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(strict))

    command = ["node", pyright, "--project", tmp_path, "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    report = json.loads(done.stdout)
    found = [(Path(each["file"]).name, each["rule"]) for each in report["generalDiagnostics"]]
    assert report["summary"]["filesAnalyzed"] == len(PROGRAMS) + 1
    assert {name for name, _ in found} == {"wrong.py"}, report
    assert {"reportArgumentType", "reportAttributeAccessIssue"} <= {rule for _, rule in found}
