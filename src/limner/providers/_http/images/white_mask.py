"""Masks for vendors that draw anew what is white. A request's mask shows that by its transparent parts."""

from pathlib import Path

from limner.ports.provider import ReferenceImage
from limner.providers._http.images.decoder import open_picture


def white_mask(mask: ReferenceImage, target: Path) -> ReferenceImage:
    """The mask as a grey PNG at `target`, of the same size: white where it is transparent, black where opaque.

    Blocking. Its folder must exist.
    """
    from PIL import ImageOps  # noqa: PLC0415 - as in `decoder`: not before a picture is opened

    with open_picture(mask.path) as picture:
        opaque = picture.convert("RGBA").getchannel("A")
    ImageOps.invert(opaque).save(target, "PNG")
    return ReferenceImage(target, "image/png", mask.width, mask.height)
