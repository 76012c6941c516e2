"""Receives an edit that is sent as a form: text parts, and pictures as `image`, `image[]`, `mask`: files or links."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from starlette.datastructures import UploadFile
from starlette.requests import Request

from limner.api.http.bodies.whole_form import close_form, read_whole_form
from limner.api.loose_fields import MAX_REFERENCES, source_of
from limner.domain.tasks.request import InlineSource, Source
from limner.scratch_paths import scratch_file
from limner.threads import in_thread

MAX_FIELDS = 60
MAX_TEXT = 256 * 1024
PICTURES = ("image", "image[]")
MASKS = ("mask", "mask[]")
LINKS = PICTURES + MASKS
"""Parts that may hold an address, a data URL or base64 as text."""


_BLOCK = 1024 * 1024


@dataclass(slots=True)
class EditForm:
    """The text fields, the pictures in order, and the masks. `digest` is the same for the same content."""

    fields: dict[str, Any] = field(default_factory=dict)
    pictures: list[Source] = field(default_factory=list)
    masks: list[Source] = field(default_factory=list)
    digest: str = ""

    @property
    def mask(self) -> Source | None:
        return self.masks[0] if self.masks else None

    def add(self, name: str, picture: Source) -> None:
        (self.masks if name in MASKS else self.pictures).append(picture)


@asynccontextmanager
async def received_form(request: Request, scratch: Path) -> AsyncIterator[EditForm]:
    """The form, whose pictures are scratch files that are removed on exit.

    Raises `Refusal` for a form that is broken or too large.
    """
    limits = {"max_files": MAX_REFERENCES + 2, "max_fields": MAX_FIELDS, "max_text": MAX_TEXT}
    form = await read_whole_form(request, folder=scratch, **limits)
    async with AsyncExitStack() as life:
        life.push_async_callback(close_form, request.scope)
        yield await _edit_of(form.multi_items(), scratch, life)


async def _edit_of(parts: Sequence[tuple[str, str | UploadFile]], scratch: Path, life: AsyncExitStack) -> EditForm:
    edit, digest = EditForm(), hashlib.sha256()
    for name, value in parts:
        digest.update(name.encode() + b"\0")
        if isinstance(value, UploadFile):
            path = await life.enter_async_context(scratch_file(scratch, "upload"))
            digest.update(await in_thread(_copy, value.file, path))
            edit.add(name, InlineSource(path))
            continue
        digest.update(value.encode() + b"\0")
        if name in LINKS and value:
            edit.add(name, source_of(value))
        else:
            edit.fields[name] = value
    edit.digest = digest.hexdigest()
    return edit


def _copy(source: BinaryIO, target: Path) -> bytes:
    """Copy what was received; the hash of it."""
    digest = hashlib.sha256()
    with target.open("wb") as file:
        while block := source.read(_BLOCK):
            digest.update(block)
            file.write(block)
    return digest.digest()
