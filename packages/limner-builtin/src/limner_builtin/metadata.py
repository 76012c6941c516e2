"""Writing a picture that says how it was made, in XMP and, in a PNG, in plain text chunks too.

The source types are those of the IPTC's "Digital Source Type" vocabulary. Nothing here was trained to make pictures
out of words, so `trainedAlgorithmicMedia` is never among them.
"""

import io
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from limner_builtin.raster.pixels import Pixels, to_image

SOFTWARE = "Limner built-in engine"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SCENE, ENHANCED, COMPOSITE = "algorithmicMedia", "algorithmicallyEnhanced", "composite"

XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmp:CreatorTool={tool} Iptc4xmpExt:DigitalSourceType={source}>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{notice}</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


QUALITY = 92
"""Of a JPEG or WebP whose request names none."""


@dataclass(frozen=True, slots=True)
class ImageForm:
    """How a picture is encoded: `format` is png, jpeg or webp; `quality` counts for the last two."""

    format: str = "png"
    quality: int | None = None


PNG = ImageForm()


def encoded(picture: Pixels, form: ImageForm, *, source: str, method: str, notice: str) -> bytes:
    """The encoded picture with its labels. No date and no host name: equal pictures have equal bytes."""
    if form.format == "png":
        return _png(picture, source=source, method=method, notice=notice)
    out = io.BytesIO()
    quality = QUALITY if form.quality is None else form.quality
    to_image(picture).save(out, form.format.upper(), quality=quality, xmp=_xmp(source, notice).encode())
    return out.getvalue()


def _png(picture: Pixels, *, source: str, method: str, notice: str) -> bytes:
    info = PngInfo()
    info.add_itxt("Software", SOFTWARE)
    info.add_itxt("DigitalSourceType", SOURCE_TYPES + source)
    info.add_itxt("Method", method)
    info.add_itxt("Comment", notice)
    info.add_itxt("XML:com.adobe.xmp", _xmp(source, notice))
    out = io.BytesIO()
    image: Image.Image = to_image(picture)
    image.save(out, "PNG", pnginfo=info, compress_level=5)
    return out.getvalue()


def _xmp(source: str, notice: str) -> str:
    return XMP.format(tool=quoteattr(SOFTWARE), source=quoteattr(SOURCE_TYPES + source), notice=escape(notice))
