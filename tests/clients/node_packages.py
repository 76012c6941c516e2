"""The published packages that run in Node, by the hashes in `requirements/clients/node/` and others."""

import hashlib
import os
import shutil
from functools import cache, partial
from pathlib import Path

from clients.environments import LOCKS, kept_folder, run_installer


@cache
def node_packages(lock: str = "node") -> Path:
    """The folder that has those of a lock in `node_modules`; it is filled where it is not there yet.

    Raises `NotInstalled`.
    """
    folder = LOCKS / lock
    digest = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    return kept_folder(f"{lock}-{digest[:12]}", partial(_install, folder))


def _install(lock: Path, target: Path) -> None:
    shutil.copytree(lock, target)
    variables = os.environ | {"npm_config_update_notifier": "false"}
    run_installer(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], target, variables)
