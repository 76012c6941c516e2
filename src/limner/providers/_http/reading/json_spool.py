"""A streaming JSON filter: pictures in base64 are decoded to a sink as they arrive, and the rest is kept.

It does no I/O and does not validate the JSON; the caller parses the rest. Text around the JSON, as in an event stream,
passes through unchanged.
"""

import binascii
import json
import re
from enum import Enum, auto
from typing import Final, Protocol

import pybase64

from limner.providers._http.errors import TooLarge, UnreadableJson
from limner.providers._http.limits import LONG_TEXT, PICTURE_BYTES, TEXT_BYTES

_MARKS: Final = re.compile(rb'["{}\[\]]')
# The inside of a string: ends before the closing quote, or before a backslash at the end of the data.
_INSIDE: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_CUT_ESCAPE: Final = re.compile(rb"\\u[0-9a-fA-F]{0,3}\Z")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_\r\n-]+={0,2}[\r\n]*")
# The base64 of the first bytes of PNG, JPEG, WebP and GIF: small pictures go to the sink too.
_PICTURE: Final = re.compile(rb"iVBORw0KGg|(?:\\?/|_)9j(?:\\?/|_)|UklGR|R0lGOD")
_DATA_URL: Final = re.compile(rb"data:[\w.+-]+\\?/[\w.+-]+(?:;[\w.=+-]+)*;base64,", re.IGNORECASE)
"""The part of a data URL before its base64; the slash may be escaped in JSON."""
_MARKDOWN: Final = re.compile(rb"!\[[^\]]{0,500}\]\(\s{0,9}<?" + _DATA_URL.pattern, re.IGNORECASE)
"""The same where the URL is that of an image in a markdown text: `![...](data:...)`."""
_MARKDOWN_END: Final = re.compile(rb"[)>\s]")
_PROBE: Final = 8
"""A long string is classified by this many times the length that counts as long."""
_SHORTEST_PICTURE: Final = 48
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_LINE_BREAKS: Final = b"\r\n"


class Sink(Protocol):
    """Receives the decoded bytes."""

    def begin(self) -> str:
        """End the file before, start a new one, and return its name."""
        ...

    def write(self, data: bytes) -> None:
        """Append to the file that was started last."""
        ...

    def end(self) -> None:
        """End that file: all of it has come."""
        ...


class _Place(Enum):
    OUTSIDE = auto()  # between strings
    SHORT = auto()  # in a string that may be a picture
    TEXT = auto()  # in a string that is text
    FILE = auto()  # in a string that goes to the sink
    MARKDOWN = auto()  # in a string that goes to the sink up to the end of the link
    REST = auto()  # behind that


class JsonSpool:
    """Call `feed` with chunks of any size; `rest` is the JSON in which each picture is `{"$file": name}`.

    A string value goes to `sink` if all of it is base64, or a data URL with base64 (either alphabet, padded or not,
    lines broken or not), and it is longer than `long_text` or begins as pictures do. A key never does. A markdown text
    goes there with such a URL as its first image; its words are dropped. Raises `UnreadableJson` and `TooLarge`.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        long_text: int = LONG_TEXT,
        text_bytes: int = TEXT_BYTES,
        file_bytes: int = PICTURE_BYTES,
    ) -> None:
        self._sink = sink
        self._long_text = long_text
        self._text_bytes = text_bytes
        self._file_bytes = file_bytes
        self._place = _Place.OUTSIDE
        self._open = bytearray()  # the brackets that are open, innermost last
        self._last = b""  # the last byte between strings that is no blank
        self._text = bytearray()  # what of a SHORT string has arrived
        self._cut = b""  # an escape of which only the beginning has arrived
        self._decoder = _Base64()
        self.rest = bytearray()

    def feed(self, data: bytes) -> None:
        data = self._cut + data
        self._cut = b""
        at = 0
        while at < len(data):
            at = self._next(data, at)
            if len(self.rest) > self._text_bytes:
                raise TooLarge(f"holds more than {self._text_bytes} bytes besides pictures")

    def _next(self, data: bytes, at: int) -> int:
        """Process one run of bytes from `at` on; return where it ends."""
        match self._place:
            case _Place.OUTSIDE:
                return self._outside(data, at)
            case _Place.FILE if (end := _plain_end(data, at)) > at:
                self._put(self._decoder.feed(data, at, end))
                return end
            case _Place.SHORT:
                return self._inside(data, at, min(len(data), at + _PROBE * self._long_text))
            case _:
                return self._inside(data, at, len(data))

    # --- between strings ------------------------------------------------------------------------------------------

    def _outside(self, data: bytes, at: int) -> int:
        """Copy up to the next quote, keeping track of brackets."""
        for mark in _MARKS.finditer(data, at):
            if mark[0] == b'"':
                self._pass(data[at : mark.start()])
                self._place = _Place.TEXT if self._at_key() else _Place.SHORT
                if self._place is _Place.TEXT:
                    self.rest += b'"'
                return mark.end()
            if mark[0] in b"{[":
                self._open += mark[0]
            else:
                del self._open[-1:]
        self._pass(data[at:])
        return len(data)

    def _pass(self, text: bytes) -> None:
        self.rest += text
        self._last = text.rstrip()[-1:] or self._last

    def _at_key(self) -> bool:
        """Whether a string that begins here is a key: in an object, and not after a colon."""
        return self._open[-1:] == b"{" and self._last != b":"

    # --- within a string ------------------------------------------------------------------------------------------

    def _inside(self, data: bytes, at: int, limit: int) -> int:
        found = _INSIDE.match(data, at, limit)
        end = found.end() if found else at
        if end == limit and (cut := _CUT_ESCAPE.search(data, max(at, end - 5), limit)):
            end = cut.start()
        self._take(data[at:end])
        if data[end : end + 1] == b'"':
            self._finish()
            return end + 1
        if limit < len(data):
            return end
        self._cut = data[end:]
        return len(data)

    def _take(self, piece: bytes) -> None:
        match self._place:
            case _Place.FILE:
                self._write(_unescaped(piece))
            case _Place.MARKDOWN:
                self._write_link(piece)
            case _Place.REST:
                pass
            case _Place.TEXT:
                self.rest += piece
            case _:
                self._text += piece
                if len(self._text) > self._long_text:
                    self._settle(_is_base64(bytes(self._text)))

    def _finish(self) -> None:
        if self._place is _Place.SHORT:
            self._settle(_is_picture(bytes(self._text)))
        if self._place in {_Place.FILE, _Place.MARKDOWN}:
            self._end_file()
        elif self._place is _Place.TEXT:
            self.rest += b'"'
        self._place = _Place.OUTSIDE
        self._last = b'"'

    def _settle(self, is_file: bool) -> None:  # noqa: FBT001 - the decision itself
        """Decide that the string is a file or text, and move what has arrived of it there."""
        text = bytes(self._text)
        self._text.clear()
        if is_file:
            self._place = _Place.MARKDOWN if _is_markdown(text) else _Place.FILE
            self._decoder = _Base64()
            self.rest += json.dumps({"$file": self._sink.begin()}).encode()
            self._take(_without_prefix(text))
        else:
            self._place = _Place.TEXT
            self.rest += b'"' + text

    def _write_link(self, piece: bytes) -> None:
        end = _MARKDOWN_END.search(piece)
        self._write(_unescaped(piece[: end.start()] if end else piece))
        if end:
            self._end_file()
            self._place = _Place.REST

    def _end_file(self) -> None:
        self._put(self._decoder.end())
        self._sink.end()

    def _write(self, text: bytes) -> None:
        self._put(self._decoder.feed(text, 0, len(text)))

    def _put(self, data: bytes) -> None:
        self._file_bytes -= len(data)
        if self._file_bytes < 0:
            raise TooLarge("holds more picture bytes than Limner takes")
        self._sink.write(data)


class _Base64:
    """A streaming base64 decoder: an incomplete group of four waits for the next piece."""

    def __init__(self) -> None:
        self._left = b""
        self._padding = 0
        self._is_plain = True

    def feed(self, text: bytes, at: int, end: int) -> bytes:
        """Decode the whole groups of `text` from `at` to `end`."""
        if self._is_plain and not self._padding and text.find(b"=", at, end) < 0:
            try:
                return self._plain(text, at, end)
            except binascii.Error:
                self._is_plain = False  # the other alphabet, broken lines, or no base64
        return self._any(text[at:end])

    def _plain(self, text: bytes, at: int, end: int) -> bytes:
        """Decode without inspecting characters or copying: pictures are large. Changes nothing where it raises."""
        start = at + min(-len(self._left) % 4, end - at)
        group = self._left + text[at:start]
        if len(group) % 4:
            self._left = group.translate(_TO_STANDARD, _LINE_BREAKS)
            return b""
        whole = start + (end - start) // 4 * 4
        with memoryview(text) as view:
            first = pybase64.b64decode(group, validate=True)
            data = pybase64.b64decode(view[start:whole], validate=True)
        self._left = text[whole:end].translate(_TO_STANDARD, _LINE_BREAKS)
        return first + data if first else data

    def _any(self, text: bytes) -> bytes:
        body, sign, padding = text.translate(_TO_STANDARD, _LINE_BREAKS).partition(b"=")
        padding = sign + padding
        if padding.strip(b"=") or (body and self._padding):
            raise UnreadableJson("holds base64 that goes on after its end")
        self._padding += len(padding)
        body = self._left + body
        whole = len(body) // 4 * 4
        self._left = body[whole:]
        return _decoded(body[:whole])

    def end(self) -> bytes:
        if len(self._left) == 1 or self._padding > 2:
            raise UnreadableJson("holds base64 that is cut off")
        return _decoded(self._left + b"=" * (-len(self._left) % 4))


def _plain_end(data: bytes, at: int) -> int:
    """Where the string around `at` ends; `at` itself where the string holds escapes."""
    end = data.find(b'"', at)
    end = len(data) if end < 0 else end
    return at if data.find(b"\\", at, end) >= 0 else end


def _decoded(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise UnreadableJson("holds a long text that begins as base64 and is none") from error


def _unescaped(text: bytes) -> bytes:
    """A piece of a JSON string without escapes, in which slashes, line breaks or any character may come."""
    if b"\\" not in text:
        return text
    try:
        return str(json.loads(b'"' + text + b'"', strict=False)).encode("ascii")
    except ValueError as error:
        raise UnreadableJson("holds a long text that begins as base64 and is none") from error


def _is_base64(text: bytes) -> bool:
    base64 = _without_prefix(text)
    end = _MARKDOWN_END.search(base64) if _is_markdown(text) else None
    try:
        return bool(_BASE64.fullmatch(_unescaped(base64[: end.start()] if end else base64)))
    except UnreadableJson:
        return False


def _is_picture(text: bytes) -> bool:
    is_known = _PICTURE.match(text) or _DATA_URL.match(text) or _is_markdown(text)
    return len(text) >= _SHORTEST_PICTURE and bool(is_known) and _is_base64(text)


def _is_markdown(text: bytes) -> bool:
    return not _DATA_URL.match(text) and bool(_MARKDOWN.search(text))


def _without_prefix(text: bytes) -> bytes:
    """What follows the beginning of a data URL, also within markdown; any other text as it is."""
    prefix = _DATA_URL.match(text) or _MARKDOWN.search(text)
    return text[prefix.end() :] if prefix else text
