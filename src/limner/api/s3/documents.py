"""Reading and writing the XML of the S3 protocol."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from limner.api.s3 import checksums
from limner.api.s3.errors import S3Error

MAX_PART_NUMBER = 10_000
MAX_LIST_BYTES = 1024 * 1024
"""Size limit of the CompleteMultipartUpload body, as on S3."""

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_CHECKSUM = re.compile(r"Checksum([A-Z0-9]+)")

Content = str | int | Mapping[str, "Content"] | Sequence["Content"]


@dataclass(frozen=True, slots=True)
class NamedPart:
    """A part in a CompleteMultipartUpload list; checksums in base64, by algorithm."""

    number: int
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict)


def written(name: str, content: Mapping[str, Content]) -> bytes:
    """An XML document; a list becomes repeated elements."""
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
    """The parts to assemble. Raises `S3Error` unless there is at least one and their numbers ascend."""
    root = _root(body)
    parts = [_part(element) for element in root if _local(element) == "Part"]
    if _local(root) != "CompleteMultipartUpload" or not 1 <= len(parts) <= MAX_PART_NUMBER:
        raise _malformed()
    if any(earlier.number >= later.number for earlier, later in pairwise(parts)):
        raise S3Error("InvalidPartOrder", "The list of parts was not in ascending order of part numbers.")
    return parts


def _root(body: bytes) -> ET.Element:
    """Declarations are refused before parsing: entities can expand without bound."""
    try:
        text = body.decode()
        if "<!" in text:
            raise _malformed()
        return ET.fromstring(text)  # noqa: S314 - no declarations, see above
    except (ET.ParseError, ValueError):
        raise _malformed() from None


def _part(element: ET.Element) -> NamedPart:
    fields = {_local(child): (child.text or "").strip() for child in element}
    return NamedPart(
        number=part_number(fields.get("PartNumber", "")),
        etag=fields.get("ETag", "").strip('"'),
        checksums=dict(_checksums(fields)),
    )


def _checksums(fields: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for name, value in fields.items():
        if found := _CHECKSUM.fullmatch(name):
            yield checksums.checked_name(found[1].lower()), value


def part_number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
    if not 1 <= number <= MAX_PART_NUMBER:
        raise S3Error("InvalidArgument", f"Part number must be an integer between 1 and {MAX_PART_NUMBER}, inclusive")
    return number


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _malformed() -> S3Error:
    return S3Error(
        "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"
    )
