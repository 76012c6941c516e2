"""Reads an edit that is sent as a form: text parts, and pictures as `image`, `image[]`, `mask`: files or links."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from limner.api.http.bodies.json_body import result_of
from limner.api.http.bodies.whole_form import read_whole_form
from limner.api.loose_fields import MAX_REFERENCES, source_of
from limner.domain.tasks.request import InlineSource, Source

MAX_FIELDS = 60
MAX_TEXT = 256 * 1024
PICTURES = ("image", "image[]")
MASKS = ("mask", "mask[]")
LINKS = PICTURES + MASKS
"""Parts that may hold an address, a data URL or base64 as text."""


@dataclass(frozen=True, slots=True)
class EditForm:
    """The text fields, the pictures in order, and the mask. `digest` is the same for the same content."""

    fields: dict[str, Any]
    pictures: list[Source]
    mask: Source | None
    digest: str


async def read_form(request: Request) -> EditForm:
    """Raises `Refusal` for a form that is broken or too large."""
    form = await read_whole_form(request, max_files=MAX_REFERENCES + 2, max_fields=MAX_FIELDS, max_text=MAX_TEXT)
    digest = hashlib.sha256()
    fields: dict[str, Any] = {}
    pictures: list[Source] = []
    masks: list[Source] = []
    for name, value in form.multi_items():
        digest.update(name.encode() + b"\0")
        if isinstance(value, UploadFile):
            content_digest, picture = await result_of(_read_picture, await value.read())
            digest.update(content_digest)
            (masks if name in MASKS else pictures).append(picture)
            continue
        digest.update(value.encode() + b"\0")
        if name in LINKS and value:
            (masks if name in MASKS else pictures).append(source_of(value))
        else:
            fields[name] = value
    await form.close()
    return EditForm(fields, pictures, masks[0] if masks else None, digest.hexdigest())


def _read_picture(content: bytes) -> tuple[bytes, InlineSource]:
    """The hash of a picture, and the picture as in JSON."""
    return hashlib.sha256(content).digest(), InlineSource(base64.b64encode(content).decode())
