"""Starting and watching the processes that are measured."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Server:
    """A process under measurement. `ready_s` is how long it took from its start to its first word."""

    process: subprocess.Popen[str]
    port: int
    key: str
    data: Path
    ready_s: float

    def cpu_s(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self) -> float:
        """Largest resident set so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@contextlib.contextmanager
def limner(*arguments: str, purse: int = 10_000_000, **settings: str) -> Iterator[Server]:
    """`limner serve` on a fresh data folder, with an account that may do as it likes."""
    environment = os.environ | {"LIMNER_LOG_LEVEL": "error"} | {f"LIMNER_{k.upper()}": v for k, v in settings.items()}
    with tempfile.TemporaryDirectory(prefix="limner-bench-") as folder:
        data = Path(folder) / "data"
        command = [sys.executable, "-m", "limner", "serve", "--port", "0", "--data", str(data), "--json", *arguments]
        with _started(command, environment) as (process, told, ready_s):
            ready = json.loads(told)
            port = int(ready["url"].rpartition(":")[2])
            _limner("credits", "grant", str(purse), "--data", str(data), env=environment)
            yield Server(process, port, ready["key"], data, ready_s)


@contextlib.contextmanager
def echo() -> Iterator[Server]:
    with _started([sys.executable, "-m", "bench.echo"], dict(os.environ)) as (process, told, ready_s):
        yield Server(process, int(told), "", Path(), ready_s)


@contextlib.contextmanager
def _started(command: list[str], environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str, float]]:
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        told = _first_words(process)
        yield process, told, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(30)


def _first_words(process: subprocess.Popen[str]) -> str:
    """One line, or one JSON object over several."""
    assert process.stdout
    told = ""
    for line in process.stdout:
        told += line
        if not told.startswith("{") or line.startswith("}"):
            return told
    raise RuntimeError(f"{process.args} ended before it was ready")


def _limner(*arguments: str, env: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-m", "limner", *arguments], env=env, check=True, stdout=subprocess.DEVNULL)
