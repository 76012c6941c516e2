"""What `make audit` says of locked versions, from a clone of the advisory database and from the package index."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from project_scripts import SCRIPTS, load_script

ADVISORY = """
id: PYSEC-2026-1
published: 2026-03-04T10:00:00Z
aliases: [CVE-2026-1]
affected:
- package: {ecosystem: PyPI, name: Some_Thing}
  ranges:
  - type: GIT
    events: [{introduced: "0"}]
  - type: ECOSYSTEM
    events: [{introduced: "1.0"}, {fixed: "1.2"}, {introduced: "2.0"}, {last_affected: "2.1"}]
  versions: ["0.5"]
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "vulns" / "some-thing"
    folder.mkdir(parents=True)
    (folder / "PYSEC-2026-1.yaml").write_text(ADVISORY)
    return tmp_path


@pytest.mark.parametrize(
    ("version", "weak"),
    [
        *[(version, True) for version in ("0.5", "1.0", "1.1.9", "1.2rc1", "2.0", "2.1")],
        *[(version, False) for version in ("0.9", "1.2", "1.10", "2.1.1", "3")],
    ],
)
def test_a_version_is_compared_with_an_advisory_s_ranges(clone: Path, version: str, weak: bool) -> None:  # noqa: FBT001
    found = load_script("audit").read_advisories(clone, [("some-thing", version), ("other", version)])

    assert found == ({("some-thing", version): ["PYSEC-2026-1 CVE-2026-1"]} if weak else {})


def test_a_withdrawn_advisory_is_none(clone: Path) -> None:
    (file,) = clone.rglob("*.yaml")
    file.write_text(ADVISORY + "withdrawn: 2026-04-01T10:00:00Z\n")

    assert load_script("audit").read_advisories(clone, [("some-thing", "1.0")]) == {}


@pytest.mark.parametrize(("pin", "answer"), [("some-thing==1.0", (1, "CVE-2026-1")), ("some-thing==1.2", (0, "None"))])
def test_the_command_says_how_old_its_copy_is(clone: Path, pin: str, answer: tuple[int, str]) -> None:
    lock = clone / "lock.txt"
    lock.write_text(f"{pin} \\\n    --hash=sha256:00\n")
    done = subprocess.run(
        [sys.executable, SCRIPTS / "audit.py", "--advisories", clone, lock], check=False, capture_output=True, text=True
    )

    assert done.returncode == answer[0]
    assert "2026-03-04" in done.stdout
    assert answer[1] in done.stdout


def answered(monkeypatch: pytest.MonkeyPatch, *dependencies: dict[str, Any]) -> None:
    output = json.dumps({"dependencies": dependencies})
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, output, ""))


def test_a_version_that_the_index_says_nothing_about_is_not_audited(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    audit, wanted = load_script("audit"), {("a", "1"): ["run.txt"], ("b", "1"): ["run.txt"]}
    answered(
        monkeypatch, {"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found on the index"}
    )

    weak, unknown = audit.ask_the_index(wanted)

    assert (weak, unknown) == ({}, {("b", "1")})
    assert audit.report(wanted, weak, unknown) == audit.NOT_AUDITED
    assert "1 of 2 versions, such as b 1" in capsys.readouterr().out


def test_a_weak_version_is_told_with_its_locks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    audit, wanted = load_script("audit"), {("a", "1"): ["run.txt", "mcp.txt"]}
    answered(monkeypatch, {"name": "a", "version": "1", "vulns": [{"id": "CVE-2026-2", "fix_versions": ["1.1"]}]})

    assert audit.report(wanted, *audit.ask_the_index(wanted)) == audit.WEAK
    assert "a 1 (run.txt, mcp.txt): CVE-2026-2 (fixed in ['1.1'])" in capsys.readouterr().out


def test_two_versions_of_a_package_are_two_questions() -> None:
    asked = list(load_script("audit").rounds([("a", "1"), ("a", "2"), ("b", "1")]))

    assert sorted(map(len, asked)) == [1, 2]
    assert {pin for each in asked for pin in each} == {("a", "1"), ("a", "2"), ("b", "1")}


def test_every_lock_is_audited() -> None:
    audit = load_script("audit")
    found = audit.pins(sorted(audit.REQUIREMENTS.rglob("*.txt")))

    assert {"run.txt", "dev.txt", "diffusers.txt", "otel.txt", "site.txt"} <= {
        name for each in found.values() for name in each
    }
    assert SCRIPTS.parent / "requirements" == audit.REQUIREMENTS
