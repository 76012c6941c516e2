"""Starting and watching the processes that are measured."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

STOP_S = 30
"""A server with more running tasks than can end in this time is killed."""


@dataclass(frozen=True, slots=True)
class Server:
    """A process under measurement. `ready_s` is how long it took from its start to its first word."""

    process: subprocess.Popen[str]
    port: int
    key: str
    data: Path
    ready_s: float
    environment: Mapping[str, str] = field(default_factory=dict)

    def cpu_s(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def now_mib(self) -> float:
        """Resident set now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def peak_mib(self) -> float:
        """Largest resident set so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@contextlib.contextmanager
def limner(
    settings: Mapping[str, str],
    *arguments: str,
    purse: int = 10_000_000,
    vendors: Mapping[str, str] | None = None,
    within: Sequence[str] = (),
) -> Iterator[Server]:
    """`limner serve` on a fresh data folder, with an account that may do as it likes.

    `settings` become LIMNER_… variables, `vendors` are variables as they are. `within` is a command that
    becomes the one behind it.
    """
    environment = os.environ | {"LIMNER_LOG_LEVEL": "error"} | {f"LIMNER_{k.upper()}": v for k, v in settings.items()}
    environment |= vendors or {}
    with tempfile.TemporaryDirectory(prefix="limner-bench-") as folder:
        data = Path(folder) / "data"
        serve = [sys.executable, "-m", "limner", "serve", "--port", "0", "--data", str(data), "--json", *arguments]
        with _started([*within, *serve], environment) as (process, announced, ready_s):
            ready = json.loads(announced)
            port = int(ready["url"].rpartition(":")[2])
            command("credits", "grant", str(purse), "--data", str(data), env=environment)
            yield Server(process, port, ready.get("key") or "", data, ready_s, environment)


@contextlib.contextmanager
def vendor(delay_s: float, megabytes: float) -> Iterator[Server]:
    """A vendor that answers after a while with a picture of this size."""
    started = [sys.executable, "-m", "bench.vendor", str(delay_s), str(megabytes)]
    with _started(started, dict(os.environ)) as (process, announced, ready_s):
        yield Server(process, int(announced), "", Path(), ready_s)


@contextlib.contextmanager
def echo() -> Iterator[Server]:
    with _started([sys.executable, "-m", "bench.echo"], dict(os.environ)) as (process, announced, ready_s):
        yield Server(process, int(announced), "", Path(), ready_s)


@contextlib.contextmanager
def relay(port: int) -> Iterator[Server]:
    """A bare relay to the server on this port."""
    with _started([sys.executable, "-m", "bench.relay", str(port)], dict(os.environ)) as (process, announced, ready_s):
        yield Server(process, int(announced), "", Path(), ready_s)


@contextlib.contextmanager
def beside(module: str, *arguments: str) -> Iterator[None]:
    """A module that runs as a program of its own, once it has said something."""
    with _started([sys.executable, "-m", module, *arguments], dict(os.environ)):
        yield


@contextlib.contextmanager
def _started(command: list[str], environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str, float]]:
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        announced = _first_output(process)
        yield process, announced, time.perf_counter() - began
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _first_output(process: subprocess.Popen[str]) -> str:
    """One line, or one JSON object over several."""
    assert process.stdout
    announced = ""
    for line in process.stdout:
        announced += line
        if not announced.startswith("{") or line.startswith("}"):
            return announced
    raise RuntimeError(f"{process.args!r} ended before it was ready")


def command(*arguments: str, env: Mapping[str, str] | None = None) -> str:
    """What a `limner` command prints."""
    run = [sys.executable, "-m", "limner", *arguments]
    return subprocess.run(run, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
