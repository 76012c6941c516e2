"""Takes the file out of a multipart/form-data body (RFC 7578) while it is received."""

import re
from typing import BinaryIO, Final

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

MAX_PARTS: Final = 20

_FILE_NAME: Final = re.compile(rb";\s*filename(\*\d*\*?)?\s*=", re.IGNORECASE)


_TYPE_OF_FILE: Final = re.compile(rb"\s*(?:image/|application/octet-stream\b)", re.IGNORECASE)


def is_type_of_file(content_type: bytes) -> bool:
    """Whether a part with this Content-Type is a file also without a name, as some clients send it."""
    return _TYPE_OF_FILE.match(content_type) is not None


class FormError(Exception):
    """The body is not a form with one file named `file`. The message is for the caller."""


class FormFile:
    """Writes the part named `file` to `target` and skips all others, so memory does not depend on the form's size.

    Blocking: feed it in a thread. Raises `FormError`.
    """

    def __init__(self, content_type: str, target: BinaryIO) -> None:
        _, options = parse_options_header(content_type)
        if not options.get(b"boundary"):
            raise FormError("the Content-Type has no boundary")
        self._target = target
        self._parts = 0
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = self._content_type = b""
        self._in_file = False
        self._found = self._complete = False
        self._parser = self._opened(options[b"boundary"])

    def feed(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except MultipartParseError as error:
            raise FormError(f"the form is malformed: {error}") from error

    def finish(self) -> None:
        """Call it at the end of the body."""
        if not self._found:
            raise FormError("there is no file part named 'file'")
        if not self._complete:
            raise FormError("the form ends before its last boundary")

    def _opened(self, boundary: bytes) -> MultipartParser:
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._write,
                    "on_part_end": self._end_part,
                },
            )
        except MultipartParseError as error:
            raise FormError(f"the boundary is malformed: {error}") from error

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise FormError(f"the form has more than {MAX_PARTS} parts")
        self._disposition = self._content_type = b""

    def _end_header(self) -> None:
        match bytes(self._header.lower()):
            case b"content-disposition":
                self._disposition = bytes(self._value)
            case b"content-type":
                self._content_type = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        is_file = _FILE_NAME.search(self._disposition) or is_type_of_file(self._content_type)
        self._in_file = options.get(b"name") == b"file" and bool(is_file)
        if self._in_file and self._found:
            raise FormError("there is more than one file part named 'file'")
        self._found = self._found or self._in_file

    def _write(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._target.write(data[start:end])

    def _end_part(self) -> None:
        self._complete = self._complete or self._in_file
        self._in_file = False
