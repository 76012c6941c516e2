"""Reads a whole form, whose text stays in memory and whose files lie in memory or on disk.

Starlette's reader, with one difference: a file whose name stands in `filename*=` alone is a file. It would be a text.
"""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from limner.api.http.headers import media_type
from limner.domain.refusal import Code, Refusal

_FORM: Final = "limner.form"
"""Key in the ASGI scope: the form, once it is read."""

_PLAIN_NAME: Final = re.compile(rb";\s*filename\s*=", re.IGNORECASE)
_EXTENDED_NAME: Final = re.compile(rb";\s*filename\*\s*=\s*\"?(?:[\w-]*'[\w-]*')?([^;\"]*)", re.IGNORECASE)


async def read_whole_form(request: Request, *, max_files: int, max_fields: int, max_text: int) -> FormData:
    """The form of a request, which several may ask for; the first sets its limits. Raises `Refusal`.

    A body that is no form has no fields.
    """
    if _FORM not in request.scope:
        request.scope[_FORM] = await _read(request, max_files, max_fields, max_text)
    form: FormData = request.scope[_FORM]
    return form


async def _read(request: Request, max_files: int, max_fields: int, max_text: int) -> FormData:
    limits = {"max_fields": max_fields, "max_part_size": max_text}
    try:
        if media_type(request.headers) != "multipart/form-data":
            return await request.form(max_files=max_files, **limits)
        parser = _FormParser(request.headers, request.stream(), max_files=max_files, **limits)
        return await parser.parse()
    except (MultiPartException, HTTPException) as error:
        said = error.message if isinstance(error, MultiPartException) else str(error.detail)
        raise Refusal(
            Code.MALFORMED,
            f"the form cannot be read: {said.rstrip('.')}",
            suggestion="Send multipart/form-data with a boundary.",
        ) from error


class _FormParser(MultiPartParser):
    def on_headers_finished(self) -> None:
        disposition = self._current_part.content_disposition or b""
        extended = _EXTENDED_NAME.search(disposition)
        if extended and not _PLAIN_NAME.search(disposition):
            name = re.sub(rb'[\\"\r\n]', b"_", unquote_to_bytes(extended[1]))
            self._current_part.content_disposition = disposition + b'; filename="' + name + b'"'
        super().on_headers_finished()
