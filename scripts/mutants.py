"""Remove each guard listed in tests/mutants/guards.toml, one at a time, and check that a test fails without it.

Usage: mutants.py [--find] [--only TEXT] [--jobs N]. Writes docs/guards.md when all guards were tried. The working tree
is not changed: each job edits a copy.
"""

import argparse
import importlib
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tests" / "mutants" / "guards.toml"
PAGE = ROOT / "docs" / "guards.md"
COPIED = ("src", "packages/limner-vendors", "tests", "bench", "docs", "pyproject.toml")
LINKED = ("packages/limner-builtin", ".venv", "scripts", "Makefile")
SOURCES = ("src", "packages/limner-vendors/src", "packages/limner-builtin/src")
PRELOADED = (
    "aiohttp",
    "hypothesis",
    "orjson",
    "PIL.Image",
    "psycopg",
    "pydantic",
    "schemathesis",
    "starlette",
    "structlog",
)
TIME_LIMIT_S = 300
FAILED = 1
"""The exit code of pytest when tests failed; other codes mean that they could not run."""

NOT_THE_COPY = 99


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
    found += [f"{guard.keeps}: there is no {test}" for test in guard.tests if not _exists(test)]
    if not guard.tests or guard.text == guard.becomes:
        found.append(f"{guard.keeps}: no tests, or nothing changed")
    return found


def _exists(test: str) -> bool:
    path, _, name = test.partition("::")
    return (ROOT / path).exists() and f"def {name.partition('[')[0]}(" in (ROOT / path).read_text()


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
            code, output = self.run(guard.tests, *(["-x", "-k", "not postgres"] if find else ["-x"]))
        finally:
            path.write_text(original)
        failed = re.findall(r"^(?:FAILED|ERROR) (\S+?\.py\S*)", output, re.MULTILINE)
        return Result(guard, code == FAILED, " ".join(failed), time.monotonic() - began, output)

    def run(self, tests: Sequence[str], *options: str) -> tuple[int, str]:
        """The exit code and the output of pytest on this copy."""
        log = self.folder / "pytest.log"
        pid = os.fork()
        if pid == 0:
            os._exit(self._pytest(log, [*options, *tests]))
        deadline = time.monotonic() + TIME_LIMIT_S
        while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
            if time.monotonic() > deadline:  # without its guard the code waits for ever: that is noticed, too
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return FAILED, "FAILED a_timeout.py"
            time.sleep(0.05)
        return os.waitstatus_to_exitcode(ended[1]), log.read_text(errors="replace")

    def _pytest(self, log: Path, arguments: Sequence[str]) -> int:
        """In a forked child, which has pytest and the larger libraries imported already, and nothing of Limner."""
        os.setsid()
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(self.folder)
        paths = [str(self.folder / name) for name in SOURCES]
        sys.path[:0] = paths
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
        preloaded = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
        code = int(pytest.main(["-q", "--tb=short", "-p", "no:cacheprovider", *preloaded, *arguments]))
        sys.stdout.flush()
        sys.stderr.flush()
        limner = sys.modules.get("limner")
        is_copy = limner is None or str(limner.__file__).startswith(str(self.folder))
        return code if is_copy else NOT_THE_COPY


INTRODUCTION = """# Guards

Each row is a guard of one of the [invariants](../ARCHITECTURE.md). `make mutants` removes one guard at a time and runs
the named tests, one of which must fail. The rows are in `tests/mutants/guards.toml`; the tool writes this page.

{summary}

| invariant | guard | file | noticed by |
|---|---|---|---|
"""


def page(results: Sequence[Result], took_s: float) -> str:
    survived = sum(not each.noticed for each in results)
    counts = f"{len(results)} guards, {len(results) - survived} noticed, {survived} survived"
    summary = f"Last run: {datetime.now(UTC):%Y-%m-%d}, {counts}, {took_s / 60:.0f} minutes."
    rows = sorted(results, key=lambda result: result.guard.invariant)
    return INTRODUCTION.format(summary=summary) + "".join(map(_row, rows))


def _row(result: Result) -> str:
    guard = result.guard
    tests = ", ".join(f"`{test.rpartition('::')[2]}`" for test in guard.tests)
    path = guard.file.removeprefix("src/limner/")
    return f"| {guard.invariant} | {guard.keeps} | `{path}` | {tests if result.noticed else '**nothing**'} |\n"


def try_all(chosen: Sequence[Guard], jobs: int, *, find: bool) -> list[Result]:
    """Each job is a process that works on its share of the guards, on its own copy."""
    for name in PRELOADED:
        importlib.import_module(name)
    sys.dont_write_bytecode = True
    with tempfile.TemporaryDirectory(prefix="limner-mutants-") as folder:
        if not find:
            check_passes(Copy(Path(folder) / "unchanged"), chosen)
        shares = [chosen[number::jobs] for number in range(jobs)]
        folders = [Path(folder) / str(number) for number in range(jobs)]
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("fork")) as pool:
            results = pool.map(try_share, shares, folders, [find] * jobs)
            return [result for share in results for result in share]


def try_share(share: Sequence[Guard], folder: Path, find: bool) -> list[Result]:  # noqa: FBT001 - called by map
    copy, results = Copy(folder), []
    for guard in share:
        results.append(copy.try_without(guard, find=find))
        report(results[-1], find=find)
    return results


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
    parser.add_argument("--find", action="store_true", help="Print the first failing test of each guard.")
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
