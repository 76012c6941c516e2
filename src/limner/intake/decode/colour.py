"""Conversion to 8-bit sRGB, RGB or RGBA."""

from io import BytesIO
from typing import Final

from PIL import ImageCms
from PIL.Image import Image

_SPACES: Final = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK"}
"""ICC colour spaces that apply to each Pillow mode."""

_WITHOUT_ALPHA: Final = {"LA": "L", "RGBA": "RGB"}


def working_mode(image: Image) -> str:
    """The mode that `image` is scaled in: 8 bits a channel, colours not yet converted."""
    alpha = "A" if image.has_transparency_data else ""
    match image.mode:
        case "CMYK":
            return "CMYK"
        case "1" | "L" | "LA" | "I;16":
            return f"L{alpha}"
        case _:
            return f"RGB{alpha}"


def to_srgb(image: Image, profile: bytes | None) -> Image:
    """`image`, in a working mode, as RGB or RGBA. An unusable profile is ignored."""
    opaque = image.convert(_WITHOUT_ALPHA.get(image.mode, image.mode))
    coloured = _by_profile(opaque, profile) if profile else None
    result = coloured or opaque.convert("RGB")
    if image.mode in _WITHOUT_ALPHA:
        result.putalpha(image.getchannel("A"))
    return result


def _by_profile(image: Image, profile: bytes) -> Image | None:
    try:
        described = ImageCms.ImageCmsProfile(BytesIO(profile))
        if described.profile.xcolor_space != _SPACES[image.mode]:
            return None
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, described, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
