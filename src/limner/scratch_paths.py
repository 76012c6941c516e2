"""Files and folders that one piece of work needs, and that are removed at its end."""

import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from limner.threads import in_thread


@asynccontextmanager
async def scratch_file(folder: Path, kind: str) -> AsyncIterator[Path]:
    """A path in `folder` that nobody else has. The file is removed on exit, if it was made."""
    path = folder / f"{kind}-{uuid.uuid4()}"
    try:
        yield path
    finally:
        await in_thread(path.unlink, missing_ok=True)


@asynccontextmanager
async def scratch_folder(folder: Path, kind: str) -> AsyncIterator[Path]:
    """An empty folder in `folder`, which is removed on exit with all that is in it."""
    path = folder / f"{kind}-{uuid.uuid4()}"
    try:
        await in_thread(path.mkdir, mode=0o700)
        yield path
    finally:
        await in_thread(shutil.rmtree, path, ignore_errors=True)
