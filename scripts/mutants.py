"""Remove each guard listed in tests/mutants/guards.toml, one at a time, and check that a test fails without it.

Usage: mutants.py [--find] [--only TEXT] [--jobs N]. Writes docs/guards.md when all guards were tried. The working tree is
not changed: each job edits its own copy of the sources.
"""

import argparse
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tests" / "mutants" / "guards.toml"
PAGE = ROOT / "docs" / "guards.md"
COPIED = ("src", "packages/limner-vendors", "tests", "bench", "docs", "pyproject.toml")
LINKED = ("packages/limner-builtin", ".venv", "scripts", "Makefile")
TIME_LIMIT_S = 300
FAILED = 1
"""The exit code of pytest when tests failed; other codes mean that they could not run."""


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard: `text` occurs once in `file`; with `becomes` in its place one of `tests` must fail."""

    invariant: int
    keeps: str
    file: str
    text: str
    becomes: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    guard: Guard
    noticed: bool
    by: str
    took_s: float
    output: str = field(default="", repr=False)


def guards() -> list[Guard]:
    rows = tomllib.loads(LIST.read_text())["guard"]
    return [Guard(**row | {"tests": tuple(row["tests"])}) for row in rows]


def problems(guard: Guard) -> list[str]:
    """Why a row cannot be tried: its text does not occur exactly once, or a test file is missing."""
    path = ROOT / guard.file
    count = path.read_text().count(guard.text) if path.exists() else 0
    found = [] if count == 1 else [f"{guard.keeps}: the text occurs {count} times in {guard.file}"]
    missing = [test for test in guard.tests if not (ROOT / test.partition("::")[0]).exists()]
    found += [f"{guard.keeps}: there is no {test}" for test in missing]
    if not guard.tests or guard.text == guard.becomes:
        found.append(f"{guard.keeps}: no tests, or nothing changed")
    return found


class Copy:
    """A copy of the sources and tests in which one guard at a time is removed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            source, target = ROOT / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        for name in LINKED:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(ROOT / name)

    def try_without(self, guard: Guard, *, find: bool) -> Result:
        path = self.folder / guard.file
        original = path.read_text()
        path.write_text(original.replace(guard.text, guard.becomes))
        began = time.monotonic()
        try:
            code, output = self.run(guard.tests, "--maxfail=3" if find else "-x")
        finally:
            path.write_text(original)
        failed = re.findall(r"^(?:FAILED|ERROR) (\S+?\.py\S*)", output, re.MULTILINE)
        return Result(guard, code == FAILED, " ".join(failed), time.monotonic() - began, output)

    def run(self, tests: Sequence[str], *options: str) -> tuple[int, str]:
        paths = [self.folder / name for name in ("src", "packages/limner-vendors/src", "packages/limner-builtin/src")]
        variables = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", *options, *tests]
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=variables,
                capture_output=True,
                text=True,
                check=False,
                timeout=TIME_LIMIT_S,
            )
        except subprocess.TimeoutExpired:  # without its guard the code waits for ever: that is noticed, too
            return FAILED, "FAILED timeout.py"
        return done.returncode, done.stdout + done.stderr


def page(results: Sequence[Result], took_s: float) -> str:
    noticed = sum(each.noticed for each in results)
    lines = [
        "# Guards",
        "",
        "Each row is a guard of one of the [invariants](../ARCHITECTURE.md). `make mutants` removes the guards one at a time and",
        "runs the named tests, one of which must fail. The rows are in `tests/mutants/guards.toml`; this page is generated.",
        "",
        f"Last run: {datetime.now(UTC):%Y-%m-%d}, {len(results)} guards, {noticed} noticed, "
        f"{len(results) - noticed} survived, {took_s / 60:.0f} minutes.",
        "",
        "| invariant | guard | file | noticed by |",
        "|---|---|---|---|",
    ]
    for each in sorted(results, key=lambda result: result.guard.invariant):
        guard = each.guard
        by = ", ".join(f"`{test.partition('::')[2] or test}`" for test in guard.tests) if each.noticed else "**nothing**"
        lines.append(f"| {guard.invariant} | {guard.keeps} | `{guard.file.removeprefix('src/limner/')}` | {by} |")
    return "\n".join(lines) + "\n"


def try_all(chosen: Sequence[Guard], jobs: int, *, find: bool) -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="limner-mutants-") as name:
        copies: queue.SimpleQueue[Copy] = queue.SimpleQueue()
        for number in range(jobs):
            copies.put(Copy(Path(name) / str(number)))

        def try_one(guard: Guard) -> Result:
            copy = copies.get()
            try:
                result = copy.try_without(guard, find=find)
            finally:
                copies.put(copy)
            report(result, find=find)
            return result

        if not find:
            check_passes(copies.get(), chosen)
            copies.put(Copy(Path(name) / "first"))
        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(try_one, chosen))


def check_passes(copy: Copy, chosen: Sequence[Guard]) -> None:
    """All named tests must pass while every guard is in place."""
    code, output = copy.run(sorted({test for guard in chosen for test in guard.tests}))
    if code:
        raise SystemExit(f"the tests fail with all guards in place:\n{output[-4000:]}")


def report(result: Result, *, find: bool) -> None:
    word = "noticed" if result.noticed else "SURVIVED"
    detail = f"  {result.by}" if find else ""
    sys.stdout.write(f"{word:<9}{result.took_s:5.0f} s  {result.guard.keeps}{detail}\n")
    if not result.noticed:
        sys.stdout.write("    " + result.output[-600:].replace("\n", "\n    ") + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--find", action="store_true", help="Print up to three failing tests of each guard.")
    parser.add_argument("--only", default="", help="Try only guards whose description or file contains this text.")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    chosen = [guard for guard in guards() if asked.only in guard.keeps or asked.only in guard.file]
    if wrong := [each for guard in chosen for each in problems(guard)]:
        raise SystemExit("\n".join(wrong))
    began = time.monotonic()
    results = try_all(chosen, asked.jobs, find=asked.find)
    survived = [each for each in results if not each.noticed]
    sys.stdout.write(f"{len(results)} guards, {len(survived)} survived\n")
    if not asked.only and not asked.find:
        PAGE.write_text(page(results, time.monotonic() - began))
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
