"""Reference pictures as agents name them: a link, a task, an upload, and over stdio a path."""

import os
import stat
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcp.server.mcpserver.exceptions import ToolError

from limner.domain.base64_text import bytes_of
from limner_client import AsyncLimnerClient, Reference, Uploaded

MOST_BYTES = 20 * 1024 * 1024
HOW = (
    "Name each picture by a link (https://…), by `task:ID` for the picture of an earlier task, by `upload:TOKEN`, or "
    "as `data:image/png;base64,…`"
)


ReadFile = Callable[[str], Awaitable[bytes]]
"""Reads a file that an agent names by its path. Raises `ToolError`."""


@dataclass(frozen=True, slots=True)
class AllowedFolders:
    """Folders of which files may be read; none for agents that are not on this machine."""

    folders: Sequence[Path] = ()

    def read(self, name: str) -> bytes:
        """A file's bytes. Blocking. Raises `ToolError` for one outside these folders, also behind a symbolic link."""
        if not self.folders:
            raise ToolError(f"{name!r} is no picture that this server can read. {HOW}.")
        try:
            path = Path(name).expanduser().resolve(strict=True)
        except (OSError, RuntimeError):
            raise ToolError(f"There is no file {name!r}. Check the path, or name a link.") from None
        if not any(path.is_relative_to(folder.resolve()) for folder in self.folders):
            allowed = ", ".join(map(str, self.folders))
            raise ToolError(
                f"{name!r} is not in a folder that may be read ({allowed}). Ask the user to start the server with "
                "--folder, or to copy the picture there."
            )
        return _content(path, name)


def _content(path: Path, name: str) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise ToolError(f"{name!r} cannot be read: {error.strerror}.") from None
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise ToolError(f"{name!r} is no file. Name the picture itself.")
        if facts.st_size > MOST_BYTES:
            raise ToolError(f"{name!r} has {facts.st_size // 1_000_000} MB; a picture may have 20. Make it smaller.")
        return file.read(MOST_BYTES + 1)


async def reference_of(name: str, client: AsyncLimnerClient, read: ReadFile) -> Reference:
    """A picture that the API takes. Raises `ToolError`."""
    kind, _, rest = name.partition(":")
    match kind.lower():
        case "http" | "https":
            return name
        case "task":
            task = await client.get(rest)
            if not task.pictures:
                raise ToolError(f"Task {rest} is {task.status} and has no picture yet. Wait for it with wait_task.")
            return task
        case "upload":
            return Uploaded(rest)
        case "data":
            return decoded_data(rest)
        case _:
            return await read(name)


def decoded_data(data: str) -> bytes:
    """The bytes of a `data:` address, of what follows the colon. Raises `ToolError`."""
    head, _, text = data.partition(",")
    try:
        return bytes_of(text if head.lower().endswith(";base64") else "!", 2 * MOST_BYTES)  # the API has the limit
    except ValueError:
        raise ToolError("A data: picture has the form data:image/png;base64,… Check that it is whole.") from None
