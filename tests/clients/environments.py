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
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "requirements" / "clients"
KEPT = ROOT / ".venv-clients"

TIMEOUT_S = 300


class NotInstalled(Exception):
    """The packages of an environment could not be had; the message is what uv says first."""


@cache
def python_of(name: str) -> Path:
    """The interpreter of an environment, which is built where it is not there yet. Raises `NotInstalled`."""
    lock = LOCKS / f"{name}.txt"
    kept = KEPT / f"{name}-{_fingerprint(lock)}"
    if not kept.exists():
        _build(lock, kept)
    return kept / "bin" / "python"


def _fingerprint(lock: Path) -> str:
    """Of what is installed, and for which Python."""
    return hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]


def _build(lock: Path, target: Path) -> None:
    """Whole or not at all; who builds the same at the same time loses nothing."""
    KEPT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT, prefix="new-") as folder:
        made = Path(folder) / "environment"
        run_uv("venv", "--relocatable", "--python", sys.executable, str(made))
        run_uv(
            "pip", "install", "--python", str(made / "bin" / "python"), "--require-hashes", "--no-deps", "-r", str(lock)
        )
        try:
            made.rename(target)
        except OSError:
            if not target.exists():
                raise


def run_uv(*arguments: str) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    variables = os.environ | {"UV_PYTHON_DOWNLOADS": "never"}
    if (index := os.environ.get("PIP_INDEX_URL")) and "UV_DEFAULT_INDEX" not in variables:
        variables["UV_DEFAULT_INDEX"] = index  # who has a mirror told pip of it
    done = subprocess.run(
        [uv, "--quiet", *arguments],
        env=variables,
        cwd=KEPT,  # where no project of uv's is
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    if done.returncode:
        raise NotInstalled("; ".join(line.strip() for line in done.stderr.splitlines()[:2]))
