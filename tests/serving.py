"""`limner serve` as a process, for tests that use its HTTP API."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from forked import ForkedCommand, fork_command, run_forked
from limner.db.migrate import migrate
from limner.db.open_store import SQLITE
from postgres import dies_with_parent

OURS = ("LIMNER_", "BFL_", "OPENAI_", "GEMINI_", "FAL_", "REPLICATE_")
"""Prefixes of the environment variables that Limner reads."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server that is ready. `key` is the key that a first start prints; None if the data folder was not empty."""

    process: ForkedCommand | subprocess.Popen[str]
    url: str
    key: str | None
    data: Path
    environment: dict[str, str]
    python: str = sys.executable

    @property
    def api(self) -> str:
        return f"{self.url}/v2/openapi"

    def cli(self, *arguments: str, check: bool = True) -> Any:
        """The JSON that a `limner` command on the same data folder prints."""
        done = self._run(*arguments, "--data", str(self.data), "--json")
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        if self.python == sys.executable:
            return run_forked(arguments, self.environment)
        command = [self.python, "-m", "limner", *arguments]
        return subprocess.run(command, env=self.environment, check=False, capture_output=True, text=True)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextlib.contextmanager
def serving(
    data: Path,
    *arguments: str,
    vendors: Mapping[str, str] | None = None,
    log: Path | None = None,
    within: Sequence[str] = (),
    python: str = sys.executable,
    **settings: str,
) -> Iterator[Served]:
    """A running server on `data`; `settings` become LIMNER_… variables, `vendors` are variables as they are.

    Pictures are sandbox cards by default, whatever keys stand in the environment of the tests. `log` is where its
    log goes, by default to the tests' own. `within` is a command that becomes the one behind it; `python` is that
    of the environment to serve from. A new folder gets a database without rows first: to create it takes a server
    as long as all the rest of its start.
    """
    if "database_url" not in settings and not (data.exists() and any(data.iterdir())):
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        (data / "limner.db").write_bytes(_empty_database())
    chosen = {"engine": "sandbox", "log_level": "warning", "sign_images": "false"} | settings
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    environment |= {f"LIMNER_{name.upper()}": value for name, value in chosen.items()}
    environment |= vendors or {}
    command = ["serve", "--port", "0", "--data", str(data), "--json", *arguments]
    with contextlib.ExitStack() as stack:
        reported = stack.enter_context(log.open("w")) if log else None
        process = _start(command, environment, reported, within, python)
    try:
        ready = first_object(process)
        yield Served(process, ready["url"], ready.get("key"), data, environment, python)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)
        assert process.stdout
        process.stdout.close()


def _start(
    command: Sequence[str], environment: Mapping[str, str], log: IO[str] | None, within: Sequence[str], python: str
) -> ForkedCommand | subprocess.Popen[str]:
    """In a fork; by itself where another command or Python starts it."""
    if not within and python == sys.executable:
        return fork_command(command, environment, stderr=log)
    whole = [*dies_with_parent(), *within, python, "-m", "limner", *command]
    return subprocess.Popen(whole, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)


@functools.cache
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "limner.db"
        migrate(f"{SQLITE}{file}")
        return file.read_bytes()


def first_object(process: ForkedCommand | subprocess.Popen[str]) -> dict[str, Any]:
    """The JSON object that a command prints over several lines, as services do when they are ready."""
    assert process.stdout
    reported = ""
    for line in process.stdout:
        reported += line
        if line.startswith("}"):
            found: dict[str, Any] = json.loads(reported)
            return found
    raise RuntimeError(f"the command ended with {process.wait()} after {reported!r}")
