"""Scratch folders of running tasks. Whoever writes a file makes the folder; most tasks need none."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from limner.application.random_bits import random_bits
from limner.domain.ids import TaskId

REMOVED_AFTER_S = 0.1
"""The folders of tasks that end within this time are removed together, in one hop to a thread."""


@dataclass(slots=True)
class Workdirs:
    """Names of folders below `base`, which are removed soon after the block."""

    base: Path
    _left: list[Path] = field(default_factory=list, init=False)

    @contextlib.contextmanager
    def of(self, task: TaskId) -> Iterator[Path]:
        """A name that no folder had before: an earlier one of the same task may not be removed yet."""
        workdir = self.base / f"{task}-{random_bits(32):08x}"
        try:
            yield workdir
        finally:
            if not self._left:
                asyncio.get_running_loop().call_later(REMOVED_AFTER_S, self._remove_soon)
            self._left.append(workdir)

    def _remove_soon(self) -> None:
        with contextlib.suppress(RuntimeError):  # a loop that ends has no threads; `base` is removed then
            self.remove()

    def remove(self) -> "asyncio.Future[None]":
        """Remove the folders of tasks that have ended."""
        left, self._left = self._left, []
        return asyncio.get_running_loop().run_in_executor(None, _remove_all, left)


def _remove_all(folders: Sequence[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
