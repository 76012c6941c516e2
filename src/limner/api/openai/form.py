"""Reads an edit that is sent as a form: text parts, and pictures as `image`, `image[]` and `mask`."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from limner.api.http.bodies.json_body import result_of
from limner.api.loose_fields import MAX_REFERENCES
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.request import InlineSource, Source

MAX_FIELDS = 60
MAX_TEXT = 256 * 1024
PICTURES = ("image", "image[]")
MASKS = ("mask", "mask[]")


@dataclass(frozen=True, slots=True)
class EditForm:
    """The text fields, the pictures in order, and the mask. `digest` is the same for the same content."""

    fields: dict[str, Any]
    pictures: list[Source]
    mask: Source | None
    digest: str


async def read_form(request: Request) -> EditForm:
    """Raises `Refusal` for a form that is broken or too large."""
    try:
        form = await request.form(max_files=MAX_REFERENCES + 2, max_fields=MAX_FIELDS, max_part_size=MAX_TEXT)
    except (HTTPException, FormParserError) as error:
        raise Refusal(
            Code.MALFORMED, "the form cannot be read", suggestion="Send multipart/form-data with a boundary."
        ) from error
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
        else:
            digest.update(value.encode() + b"\0")
            fields[name] = value
    await form.close()
    return EditForm(fields, pictures, masks[0] if masks else None, digest.hexdigest())


def _read_picture(content: bytes) -> tuple[bytes, InlineSource]:
    """The hash of a picture, and the picture as in JSON."""
    return hashlib.sha256(content).digest(), InlineSource(base64.b64encode(content).decode())
