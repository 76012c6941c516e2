"""The published packages that run in Node, by the hashes in `requirements/clients/node/`."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from clients.environments import KEPT, LOCKS, TIMEOUT_S, NotInstalled

_LOCK = LOCKS / "node"


@cache
def node_packages() -> Path:
    """The folder that has them in `node_modules`; it is filled where it is not there yet. Raises `NotInstalled`."""
    kept = KEPT / f"node-{hashlib.sha256((_LOCK / 'package-lock.json').read_bytes()).hexdigest()[:12]}"
    if not kept.exists():
        _install(kept)
    return kept


def _install(target: Path) -> None:
    """Whole or not at all; who installs the same at the same time loses nothing."""
    KEPT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT, prefix="new-") as folder:
        made = Path(folder) / "packages"
        shutil.copytree(_LOCK, made)
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            env=os.environ | {"npm_config_update_notifier": "false"},
            cwd=made,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        if done.returncode:
            raise NotInstalled("; ".join(line.strip() for line in done.stderr.splitlines()[:2]))
        try:
            made.rename(target)
        except OSError:
            if not target.exists():
                raise
