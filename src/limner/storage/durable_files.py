"""Files of a folder that survive a power cut once they are put. Everything here blocks: call it in a thread."""

import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path


class DurableFiles:
    """Puts bytes under names in `folder`. A name appears when all of its bytes are on disk, never before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._synced: set[Path] = set()

    def put(self, source: Path | bytes, name: str) -> None:
        """Store a copy of a file's bytes, or these; durable once this returns."""
        target = self._folder / name
        if target.exists():
            _sync(target)  # its writer may have died before this
        else:
            self._make_folder(target.parent)
            _write(source, target)
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


def _write(source: Path | bytes, target: Path) -> None:
    half = target.with_name(f"{target.name}#{secrets.randbits(48)}")
    try:
        _copy(source, half)
        _sync(half)
        half.rename(target)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def _copy(source: Path | bytes, half: Path) -> None:
    if isinstance(source, bytes):
        half.write_bytes(source)
    else:
        shutil.copyfile(source, half)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
