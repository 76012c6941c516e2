"""The published packages that run in Node, by the hashes in `requirements/clients/node/`."""

import hashlib
import os
import shutil
from functools import cache
from pathlib import Path

from clients.environments import LOCKS, kept_folder, run_installer

_LOCK = LOCKS / "node"


@cache
def node_packages() -> Path:
    """The folder that has them in `node_modules`; it is filled where it is not there yet. Raises `NotInstalled`."""
    digest = hashlib.sha256((_LOCK / "package-lock.json").read_bytes()).hexdigest()
    return kept_folder(f"node-{digest[:12]}", _install)


def _install(target: Path) -> None:
    shutil.copytree(_LOCK, target)
    variables = os.environ | {"npm_config_update_notifier": "false"}
    run_installer(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], target, variables)
