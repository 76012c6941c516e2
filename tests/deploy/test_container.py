"""The Dockerfile passes hadolint, and has what an image should. `make container-check` builds and runs it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"
SCRIPTS = sorted((ROOT / "deploy").rglob("*.sh"))
LAST_STAGE = DOCKERFILE.read_text().rpartition("FROM ")[2]


def test_hadolint_finds_nothing() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint
    found = subprocess.run(
        [hadolint, "--no-color", str(DOCKERFILE)], capture_output=True, text=True, check=False, cwd=ROOT
    )

    assert (found.returncode, found.stdout) == (0, "")


def test_the_image_starts_from_nothing_as_an_unprivileged_user_with_a_health_check() -> None:
    assert LAST_STAGE.startswith("scratch\n")
    assert "USER 10001:10001" in LAST_STAGE
    assert "HEALTHCHECK" in LAST_STAGE
    assert "RUN" not in LAST_STAGE


def test_what_is_copied_is_let_through_to_the_build() -> None:
    copied = {
        source.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE.read_text(), re.MULTILINE)
        for source in line.split()[:-1]
    }
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert copied == let_through
    assert [each for each in copied if not (ROOT / each).exists()] == []


def test_the_scripts_of_deployment_are_shell() -> None:
    assert [str(each) for each in SCRIPTS if subprocess.run(["sh", "-n", each], check=False).returncode] == []
    assert SCRIPTS
