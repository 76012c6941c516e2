"""Files of a folder that survive a power cut once they are put. Everything here blocks: call it in a thread."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from limner.application.random_bits import random_bits


class DurableFiles:
    """Puts bytes under names in `folder`. A name appears when all of its bytes are on disk, never before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._synced: set[Path] = set()

    def put(self, source: Path | bytes, name: str, *, owned: bool = False) -> None:
        """Store a copy of a file's bytes, or these; durable once this returns.

        An `owned` file, to which nobody writes any more, gets a second name (a hard link) where that is possible: a
        copy of 2 MB costs a millisecond of CPU.
        """
        target = self._folder / name
        if target.exists():
            _sync(target)  # its writer may have died before this
        else:
            self._make_folder(target.parent)
            _write(source, target, owned=owned)
        _sync(target.parent)
        self._sync_folders(target.parent)

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            self._synced.discard(folder)

    def _sync_folders(self, folder: Path) -> None:
        """Make the names of this folder and of those above durable, which once is enough."""
        if folder not in self._synced:
            sync_existing(each for each in folder.parents if each.is_relative_to(self._folder))
            self._synced.add(folder)


def sync_existing(folders: Iterable[Path]) -> None:
    for folder in folders:
        if folder.is_dir():
            _sync(folder)


def _write(source: Path | bytes, target: Path, *, owned: bool) -> None:
    half = target.with_name(f"{target.name}#{random_bits(48)}")
    try:
        if isinstance(source, bytes):
            _create(half, source)
        else:
            if not (owned and _is_linked(source, half)):
                shutil.copyfile(source, half)
            _sync(half)
        half.rename(target)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def _is_linked(source: Path, target: Path) -> bool:
    """Give the file a second name. False where that is not possible, as from one file system to another."""
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def _create(path: Path, content: bytes) -> None:
    """Make a file that is on disk when this returns, in four system calls: each gives the interpreter lock away."""
    with _synced(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as descriptor, memoryview(content) as view:
        written = 0
        while written < len(content):
            written += os.write(descriptor, view[written:])


def _sync(path: Path) -> None:
    with _synced(path, os.O_RDONLY):
        pass


@contextmanager
def _synced(path: Path, flags: int) -> Iterator[int]:
    """The open file, whose content is on disk at the end of the block."""
    descriptor = os.open(path, flags, 0o666)
    try:
        yield descriptor
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
