"""A folder of this process's own for files that are on their way, and the removal of those that dead ones left.

Who lives holds a lock on its folder, and the system lets go of it however the process dies. That tells the dead from
the living across process-id spaces too, where a pid would say nothing.
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
    """Ours until `close`, which removes the folder with all that is in it."""

    folder: Path
    _lock: int

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def open_scratch(base: Path) -> Scratch:
    """A new folder in `base`."""
    made = Path(tempfile.mkdtemp(prefix="new-", dir=base))
    lock = os.open(made, os.O_RDONLY)
    _try_lock(lock)
    # Only now does it get a name that a sweeper looks for.
    return Scratch(made.rename(made.with_name(made.name.replace("new-", "run-", 1))), lock)


def sweep(base: Path) -> int:
    """Remove what dead processes left in `base`; how many folders those were."""
    return sum(_sweep_one(folder) for folder in base.glob("run-*"))


def free_bytes(folders: Iterable[Path]) -> int:
    """How much there is room for in the fullest of these folders; one that is not there is passed over."""
    return min((shutil.disk_usage(folder).free for folder in folders if folder.is_dir()), default=0)


def _sweep_one(folder: Path) -> bool:
    try:
        lock = os.open(folder, os.O_RDONLY)
    except OSError:  # its owner closed it just now
        return False
    try:
        dead = _try_lock(lock)
        if dead:
            shutil.rmtree(folder, ignore_errors=True)
        return dead
    finally:
        os.close(lock)


def _try_lock(descriptor: int) -> bool:
    """Whether the lock is ours now; False where somebody has it, or the file system knows no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
