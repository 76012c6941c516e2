"""Scratch files for request bodies."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def scratch_file(folder: Path) -> AsyncIterator[Path]:
    """A unique path in `folder`; the file is removed on exit."""
    path = folder / f"object-{uuid.uuid4()}"
    try:
        yield path
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)
