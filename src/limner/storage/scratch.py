"""Each process has a scratch folder for temporary files. Folders of dead processes are removed.

A process holds a lock on its folder, which the system releases however the process ends. This also works between
containers, where process ids say nothing about each other.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Scratch:
    """A folder that belongs to this process until `close`, which removes it with its content."""

    folder: Path
    _lock: int

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def open_scratch(base: Path) -> Scratch:
    """Create a scratch folder in `base`."""
    made = Path(tempfile.mkdtemp(prefix="new-", dir=base))
    lock = os.open(made, os.O_RDONLY)
    _try_lock(lock)
    # The name that `sweep` looks for comes after the lock.
    return Scratch(made.rename(made.with_name(made.name.replace("new-", "run-", 1))), lock)


def sweep(base: Path) -> int:
    """Remove the folders of dead processes in `base`; returns how many."""
    return sum(_sweep_one(folder) for folder in base.glob("run-*"))


def free_bytes(folders: Iterable[Path]) -> int:
    """The free bytes of the file system with the least, over those of these folders that exist."""
    return min((shutil.disk_usage(folder).free for folder in folders if folder.is_dir()), default=0)


def _sweep_one(folder: Path) -> bool:
    try:
        lock = os.open(folder, os.O_RDONLY)
    except OSError:  # its owner has just removed it
        return False
    try:
        dead = _try_lock(lock)
        if dead:
            shutil.rmtree(folder, ignore_errors=True)
        return dead
    finally:
        os.close(lock)


def _try_lock(descriptor: int) -> bool:
    """Whether this process got the lock. False when another has it, or the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
