"""The XML that S3 clients send and read."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from limner.api.s3 import checksums
from limner.api.s3.errors import S3Error

MOST_PARTS = 10_000
LARGEST = 1024 * 1024
"""Bytes of a list of parts; S3 takes as much."""

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_CHECKSUM = re.compile(r"Checksum([A-Z0-9]+)")

Content = str | int | Mapping[str, "Content"] | Sequence["Content"]


@dataclass(frozen=True, slots=True)
class NamedPart:
    """A part as the list that completes an upload names it; checksums in base64, by algorithm."""

    number: int
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict)


def written(name: str, content: Mapping[str, Content]) -> bytes:
    """A document; what is given as a list becomes as many elements of one name."""
    inner = "".join(_element(child, value) for child, value in content.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{_NAMESPACE}">{inner}</{name}>'.encode()


def _element(name: str, content: Content) -> str:
    if isinstance(content, Mapping):
        inner = "".join(_element(child, value) for child, value in content.items())
    elif isinstance(content, str | int):
        inner = escape(str(content))
    else:
        return "".join(_element(name, each) for each in content)
    return f"<{name}>{inner}</{name}>"


def read_parts(body: bytes) -> list[NamedPart]:
    """The parts that shall be put together. Raises `S3Error` for anything but a list of some, in their order."""
    root = _root(body)
    parts = [_part(element) for element in root if _local(element) == "Part"]
    if _local(root) != "CompleteMultipartUpload" or not 1 <= len(parts) <= MOST_PARTS:
        raise _malformed()
    if any(earlier.number >= later.number for earlier, later in pairwise(parts)):
        raise S3Error("InvalidPartOrder", "The list of parts was not in ascending order of part numbers.")
    return parts


def _root(body: bytes) -> ET.Element:
    """Only plain UTF-8 without declarations goes to the parser: entities are where XML's bombs are."""
    try:
        text = body.decode()
        if "<!" in text:
            raise _malformed()
        return ET.fromstring(text)  # noqa: S314 - no declarations, see above
    except (ET.ParseError, ValueError):
        raise _malformed() from None


def _part(element: ET.Element) -> NamedPart:
    said = {_local(child): (child.text or "").strip() for child in element}
    return NamedPart(
        number=part_number(said.get("PartNumber", "")),
        etag=said.get("ETag", "").strip('"'),
        checksums=dict(_checksums(said)),
    )


def _checksums(said: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for name, value in said.items():
        if found := _CHECKSUM.fullmatch(name):
            yield checksums.checked_name(found[1].lower()), value


def part_number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
    if not 1 <= number <= MOST_PARTS:
        raise S3Error("InvalidArgument", f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive")
    return number


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _malformed() -> S3Error:
    return S3Error(
        "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"
    )
