"""Files that are whole or not there, and that one of several processes makes."""

import errno
import os
import tempfile
from pathlib import Path

_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


def create_file(path: Path, content: bytes, mode: int = 0o600) -> bool:
    """Make a file with this content, durable once this returns. False when it was there already; then it is unchanged.

    Whoever reads it finds all of the content. Of several processes that make it at once, one does.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    half = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        created = _link(half, path)
    finally:
        half.unlink(missing_ok=True)
    sync_folder(path.parent)
    return created


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link(source: Path, path: Path) -> bool:
    try:
        os.link(source, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # A file system without hard links: the check and the rename are two steps there.
        if path.exists():
            return False
        source.rename(path)
    return True
