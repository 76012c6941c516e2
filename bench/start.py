"""How long `limner serve` takes from its start until it serves, on a folder that was used before."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.report import Figure


@dataclass(frozen=True, slots=True)
class Size:
    starts: int


FULL = Size(starts=5)
SHORT = Size(starts=1)


def figures(size: Size) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="limner-bench-") as folder:
        data = Path(folder) / "data"
        _start(data)
        return [Figure("serve_ready", median(_start(data) for _ in range(size.starts)), "s")]


def _start(data: Path) -> float:
    command = [sys.executable, "-m", "limner", "serve", "--port", "0", "--data", str(data), "--json"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"LIMNER_LOG_LEVEL": "error"})
    assert process.stdout
    line = b""
    while not line.endswith(b"}\n"):
        line += process.stdout.readline()
    ready_s = time.perf_counter() - began
    assert json.loads(line)["ready"]
    process.terminate()
    process.wait()
    process.stdout.close()
    return ready_s
