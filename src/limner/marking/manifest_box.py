"""A picture without its C2PA manifest: where the manifest stands is a matter of the container."""

import struct
from collections.abc import Iterator

_C2PA_WITHIN = 256


def without_manifest(media_type: str, data: bytes) -> bytes | None:
    """The file without its manifest; None where it has none, or its container cannot be read."""
    try:
        match media_type:
            case "image/png":
                kept = list(_png(data))
            case "image/jpeg":
                kept = list(_jpeg(data))
            case "image/webp":
                kept = list(_webp(data))
            case _:
                return None
    except (struct.error, IndexError):
        return None
    rest = b"".join(kept)
    if len(rest) == len(data):
        return None
    return rest[:4] + struct.pack("<I", len(rest) - 8) + rest[8:] if media_type == "image/webp" else rest


def _png(data: bytes) -> Iterator[bytes]:
    yield data[:8]
    at = 8
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name != b"caBX":
            yield data[at : at + 12 + length]
        at += 12 + length


def _jpeg(data: bytes) -> Iterator[bytes]:
    """Up to the first scan, which the rest of the file follows."""
    yield data[:2]
    at, in_manifest = 2, False
    while data[at + 1] != 0xDA:
        length = 2 + struct.unpack_from(">H", data, at + 2)[0]
        segment = data[at : at + length]
        jumbf = segment[1] == 0xEB and segment[4:6] == b"JP"
        # A box that is longer than a segment goes on in the next, with a sequence number above 1.
        in_manifest = jumbf and (b"c2pa" in segment[:_C2PA_WITHIN] or (in_manifest and segment[8:12] != b"\0\0\0\1"))
        if not in_manifest:
            yield segment
        at += length
    yield data[at:]


def _webp(data: bytes) -> Iterator[bytes]:
    yield data[:12]
    at = 12
    while at < len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        if name != b"C2PA":
            yield data[at : at + 8 + length + length % 2]
        at += 8 + length + length % 2
