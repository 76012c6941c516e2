"""A file of its own for each body."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def scratch_file(folder: Path) -> AsyncIterator[Path]:
    """A path in `folder` that nobody else uses; what is there in the end is removed."""
    path = folder / f"object-{uuid.uuid4()}"
    try:
        yield path
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)
