"""The XMP packet that says how a picture was made, alone or added to one that a picture has already."""

import re
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import quoteattr

from limner.domain.digital_source import DigitalSource

MAX_PACKET: Final = 256 * 1024
"""The largest packet that is read; a larger one is left alone."""

_VOCABULARY: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_RDF: Final = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
_NAMESPACES: Final = (
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
)
_PACKET: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF {_RDF}>%s</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)
_RDF_END: Final = re.compile(rb"</[A-Za-z_][\w.-]{0,50}:RDF\s{0,50}>")
_MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Mark:
    """What a picture is to say: how it was made, and the name of the model or engine that made it."""

    source: DigitalSource
    generator: str

    def packet(self) -> bytes:
        """A packet of its own."""
        return (_PACKET % self._description("")).encode()

    def merged(self, packet: bytes) -> bytes | None:
        """`packet` with the mark added; None where it has no place for it."""
        ends = list(_RDF_END.finditer(packet))
        if len(ends) != 1 or packet[:2] in {b"\xfe\xff", b"\xff\xfe"}:
            return None
        at = ends[0].start()
        return packet[:at] + self._description(packet.decode("utf-8", "replace")).encode() + packet[at:]

    def _description(self, existing: str) -> str:
        """An RDF description with those properties that `existing` has not."""
        name = "".join(each for each in self.generator if each.isprintable())[:_MAX_NAME]
        properties = {
            "xmp:CreatorTool": f"Limner, {name}" if name else "Limner",
            "Iptc4xmpExt:DigitalSourceType": _VOCABULARY + self.source,
        }
        if name and self.source in {DigitalSource.GENERATED, DigitalSource.GENERATED_FROM_PICTURES}:
            properties["Iptc4xmpExt:AISystemUsed"] = name
        added = {key: value for key, value in properties.items() if key.partition(":")[2] not in existing}
        written = " ".join(f"{key}={quoteattr(value)}" for key, value in added.items())
        return f'<rdf:Description {_RDF} rdf:about="" {_NAMESPACES} {written}/>'


def says_its_source(packet: bytes) -> bool:
    """Whether a packet has a digital source type, or names a manifest that binds the file's bytes."""
    return b"DigitalSourceType" in packet or b"dcterms:provenance" in packet
