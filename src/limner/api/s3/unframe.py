r"""Decodes the `aws-chunked` framing of a body.

    10000\r\n <65536 bytes> \r\n … 0\r\n x-amz-checksum-crc32:…\r\n \r\n

A frame may carry a signature after its size, each covering the previous one. Does no I/O.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from enum import Enum, auto

from limner.api.s3.errors import S3Error
from limner.api.s3.signature import SignatureChain

MIN_FRAME_BYTES = 8192
"""Minimum size of every frame but the last, as on S3."""

_LONGEST_LINE = 1024
_MOST_TRAILERS = 16
_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?")
_TRAILER = re.compile(rb"([A-Za-z0-9-]{1,100}):[ \t]*([\x21-\x7e]*)[ \t]*")


class _Awaits(Enum):
    SIZE = auto()
    DATA = auto()
    END_OF_DATA = auto()
    TRAILER = auto()
    NOTHING = auto()


class Unframer:
    """Incremental decoder: feed pieces of any size. Raises `S3Error` at the first invalid byte.

    With a `chain` every frame, and any trailer, must be signed.
    """

    def __init__(self, chain: SignatureChain | None = None) -> None:
        self._chain = chain
        self._buffer = bytearray()
        self._awaits = _Awaits.SIZE
        self._left = 0
        self._was_small = False
        self._signature = ""
        self._sha256 = hashlib.sha256()
        self._trailers: dict[str, str] = {}

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decoded content of `data`."""
        self._buffer += data
        while self._buffer:
            match self._awaits:
                case _Awaits.DATA:
                    yield self._take_data()
                case _Awaits.NOTHING:
                    raise S3Error("InvalidRequest", "There are bytes after the end of the aws-chunked body.")
                case _:
                    line = self._take_line()
                    if line is None:
                        return
                    self._read(line)

    def finish(self) -> Mapping[str, str]:
        """The trailers by lower-case name. Call it after the last `feed`."""
        if self._awaits is not _Awaits.NOTHING:
            raise S3Error("IncompleteBody", "The aws-chunked body ended before its last frame was complete.")
        return self._trailers

    def _take_data(self) -> bytes:
        data = bytes(self._buffer[: self._left])
        del self._buffer[: len(data)]
        self._left -= len(data)
        if self._chain:
            self._sha256.update(data)
        if not self._left:
            self._awaits = _Awaits.END_OF_DATA
        return data

    def _take_line(self) -> bytes | None:
        """The next line without its line break; None while it is incomplete."""
        end = self._buffer.find(b"\n", 0, _LONGEST_LINE)
        if end < 0:
            if len(self._buffer) >= _LONGEST_LINE:
                raise _malformed()
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def _read(self, line: bytes) -> None:
        match self._awaits:
            case _Awaits.SIZE:
                self._begin_frame(line)
            case _Awaits.END_OF_DATA:
                if line:
                    raise _malformed()
                self._end_frame()
                self._awaits = _Awaits.SIZE
            case _:
                self._add_trailer(line)

    def _begin_frame(self, line: bytes) -> None:
        head = _SIZE.fullmatch(line)
        if head is None or bool(head[2]) != bool(self._chain):
            raise _malformed()
        self._left, self._signature = int(head[1], 16), (head[2] or b"").decode()
        if self._left and self._was_small:
            raise S3Error("InvalidChunkSizeError", f"Only the last frame may have less than {MIN_FRAME_BYTES} bytes.")
        self._was_small = self._left < MIN_FRAME_BYTES
        if self._left:
            self._awaits = _Awaits.DATA
        else:
            self._end_frame()
            self._awaits = _Awaits.TRAILER

    def _end_frame(self) -> None:
        if self._chain:
            self._chain.check_frame(self._signature, self._sha256.hexdigest())
            self._sha256 = hashlib.sha256()

    def _add_trailer(self, line: bytes) -> None:
        if not line:
            self._awaits = _Awaits.NOTHING
            self._check_trailers()
            return
        found = _TRAILER.fullmatch(line)
        name = found[1].decode().lower() if found else ""
        if found is None or name in self._trailers or len(self._trailers) == _MOST_TRAILERS:
            raise S3Error("MalformedTrailerError", "The trailer after the last frame is malformed.")
        self._trailers[name] = found[2].decode()

    def _check_trailers(self) -> None:
        signature = self._trailers.pop("x-amz-trailer-signature", "")
        if self._chain and (self._trailers or signature):
            self._chain.check_trailers(signature, self._trailers)


def _malformed() -> S3Error:
    return S3Error("InvalidRequest", "The body is not valid aws-chunked, although its headers declare it.")
