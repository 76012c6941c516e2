"""The environments that published packages run in: each its own, by the hashes in `requirements/clients/`.

They are kept in `.venv-clients/` at the root of the checkout, by name and by what is in them, so that only a changed
lock costs anything.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "requirements" / "clients"
KEPT = ROOT / ".venv-clients"

TIMEOUT_S = 300


class NotInstalled(Exception):
    """The packages of an environment could not be had; the message is what the installer says first."""


@cache
def python_of(name: str) -> Path:
    """The interpreter of an environment, which is built where it is not there yet. Raises `NotInstalled`."""
    lock = LOCKS / f"{name}.txt"
    return kept_folder(f"{name}-{_fingerprint(lock)}", partial(_build, lock)) / "bin" / "python"


def _fingerprint(lock: Path) -> str:
    """Of what is installed, and for which Python."""
    return hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]


def _build(lock: Path, target: Path) -> None:
    run_uv("venv", "--relocatable", "--python", sys.executable, str(target))
    python = target / "bin" / "python"
    run_uv("pip", "install", "--python", str(python), "--require-hashes", "--no-deps", "-r", str(lock))


def kept_folder(name: str, fill: Callable[[Path], None]) -> Path:
    """The kept folder of this name; `fill` makes it where it is not there yet.

    Whole or not at all; who makes the same at the same time loses nothing.
    """
    target = KEPT / name
    if target.exists():
        return target
    KEPT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT, prefix="new-") as folder:
        made = Path(folder) / "made"
        fill(made)
        try:
            made.rename(target)
        except OSError:
            if not target.exists():
                raise
    return target


def run_uv(*arguments: str) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    variables = os.environ | {"UV_PYTHON_DOWNLOADS": "never"}
    if (index := os.environ.get("PIP_INDEX_URL")) and "UV_DEFAULT_INDEX" not in variables:
        variables["UV_DEFAULT_INDEX"] = index  # who has a mirror told pip of it
    run_installer([uv, "--quiet", *arguments], KEPT, variables)  # in a folder where no project of uv's is


def run_installer(command: Sequence[str], cwd: Path, variables: Mapping[str, str] | None) -> None:
    """Raises `NotInstalled` where the command fails."""
    done = subprocess.run(
        command, env=variables, cwd=cwd, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    if done.returncode:
        raise NotInstalled("; ".join(line.strip() for line in done.stderr.splitlines()[:2]))
