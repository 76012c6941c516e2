"""Reads a whole form, whose text stays in memory and whose files lie on disk, unless they are small.

Starlette's reader, with three differences. Large files are where the caller says. A part is a file, which would be a
text, if its name stands in `filename*=` alone, or if it has no name but the type of a picture. A text is read in the
charset that its own Content-Type declares.
"""

import re
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from limner.api.http.bodies.form_file import is_type_of_file
from limner.api.http.content_coding import charset_of
from limner.api.http.headers import media_type
from limner.domain.refusal import Code, Refusal, UnsupportedMedia
from limner.threads import in_thread

_FORM: Final = "limner.form"
"""Key in the ASGI scope: the form, once it is read."""

_SMALL_FILE: Final = 64 * 1024
"""Bytes of a file that stay in memory: a form may have a dozen files, and a server many forms."""

_PLAIN_NAME: Final = re.compile(rb";\s*filename\s*=", re.IGNORECASE)
_EXTENDED_NAME: Final = re.compile(rb";\s*filename\*\s*=\s*\"?(?:[\w-]*'[\w-]*')?([^;\"]*)", re.IGNORECASE)


async def read_whole_form(
    request: Request, *, max_files: int, max_fields: int, max_text: int, folder: Path | None = None
) -> FormData:
    """The form of a request, which several may ask for; the first sets its limits. Raises `Refusal`.

    A body that is no form has no fields. Large files are in `folder`, or where the system has temporary files, until
    `close_form` or the end of the request.
    """
    if _FORM not in request.scope:
        request.scope[_FORM] = await _read(request, max_files, max_fields, max_text, folder)
    form: FormData = request.scope[_FORM]
    return form


async def close_form(scope: Scope) -> None:
    """Close the files of the form that was read, if one was."""
    form: FormData | None = scope.get(_FORM)
    files = [part.file for _, part in form.multi_items() if isinstance(part, UploadFile)] if form else []
    if files:
        await in_thread(lambda: [file.close() for file in files])


class FormsClosed:
    """Closes the form of each request at its end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            await close_form(scope)


async def _read(request: Request, max_files: int, max_fields: int, max_text: int, folder: Path | None) -> FormData:
    limits = {"max_fields": max_fields, "max_part_size": max_text}
    try:
        if media_type(request.headers) != "multipart/form-data":
            return await request.form(max_files=max_files, **limits)
        return await _FormParser(request, folder, max_files=max_files, **limits).parse()
    except _RefusedPart as error:
        raise error.refusal from error
    except (MultiPartException, HTTPException) as error:
        said = error.message if isinstance(error, MultiPartException) else str(error.detail)
        raise Refusal(
            Code.MALFORMED,
            f"the form cannot be read: {said.rstrip('.')}",
            suggestion="Send multipart/form-data with a boundary.",
        ) from error


class _RefusedPart(MultiPartException):
    """Ends the parsing, which closes the files that were begun."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class _FormFile(UploadFile):
    async def write(self, data: bytes) -> None:
        """As the other, but a client that goes away is noticed between two writes: during one, the file is moved."""
        if self._will_roll(len(data)):
            await in_thread(self.file.write, data)
        else:
            self.file.write(data)


class _FormParser(MultiPartParser):
    def __init__(self, request: Request, folder: Path | None, **limits: int) -> None:
        super().__init__(request.headers, request.stream(), **limits)
        self._folder = str(folder) if folder else None

    def on_headers_finished(self) -> None:
        disposition = self._current_part.content_disposition or b""
        extended = _EXTENDED_NAME.search(disposition)
        if extended and not _PLAIN_NAME.search(disposition):
            name = re.sub(rb'[\\"\r\n]', b"_", unquote_to_bytes(extended[1]))
            self._current_part.content_disposition = disposition + b'; filename="' + name + b'"'
        elif not _PLAIN_NAME.search(disposition) and is_type_of_file(self._content_type()):
            self._current_part.content_disposition = disposition + b'; filename="file"'
        super().on_headers_finished()
        if (theirs := self._current_part.file) is not None:
            theirs.file.close()
            file = SpooledTemporaryFile(_SMALL_FILE, dir=self._folder)  # noqa: SIM115 - closed with the form
            self._files_to_close_on_error.append(file)
            self._current_part.file = _FormFile(file, size=0, filename=theirs.filename, headers=theirs.headers)  # type: ignore[arg-type]

    def on_part_end(self) -> None:
        part = self._current_part
        if part.file is None and b"charset" in (content_type := self._content_type()).lower():
            part.data = bytearray(_in_charset(bytes(part.data), content_type).encode(self._charset))
        super().on_part_end()

    def _content_type(self) -> bytes:
        return next((value for name, value in self._current_part.item_headers if name == b"content-type"), b"")


def _in_charset(data: bytes, content_type: bytes) -> str:
    try:
        charset = charset_of(content_type.decode("latin-1"))
    except UnsupportedMedia as refusal:
        raise _RefusedPart(refusal) from refusal
    try:
        return data.decode(charset)
    except ValueError as error:
        problem = f"a field is not in the charset of its Content-Type: {error}"
        raise _RefusedPart(Refusal(Code.MALFORMED, problem, suggestion="Send fields in UTF-8.")) from error
