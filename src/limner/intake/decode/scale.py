"""Downscaling in bands, without a second full-size copy in memory."""

from PIL import Image, ImageMath

from limner.intake.decode.colour import working_mode

_BAND_PIXELS = 1_000_000


def fit(image: Image.Image, longest: int) -> Image.Image:
    """`image` in its working mode, no side longer than `longest`. Smaller pictures keep their size."""
    width, height = fitted(image.width, image.height, longest)
    # Box reduction to at least twice the target first: Lanczos then works on a small picture without visible loss.
    reduced = _reduce(image, max(1, max(image.size) // (2 * longest)))
    return reduced if reduced.size == (width, height) else reduced.resize((width, height), Image.Resampling.LANCZOS)


def fitted(width: int, height: int, longest: int) -> tuple[int, int]:
    """The size of `width` x `height` scaled so that neither side exceeds `longest`; sides are at least 1."""
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _reduce(image: Image.Image, factor: int) -> Image.Image:
    """`image` averaged over boxes of `factor` x `factor` pixels, in bands of about a megapixel."""
    mode = working_mode(image)
    if factor == 1 and image.mode == mode:
        return image
    target = Image.new(mode, (-(-image.width // factor), -(-image.height // factor)))
    rows = factor * max(1, _BAND_PIXELS // (image.width * factor))
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        target.paste(_eight_bit(band).convert(mode).reduce(factor), (0, top // factor))
    return target


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits and a transparent shade to alpha: Pillow's own conversion does neither."""
    if image.mode != "I;16":
        return image
    wide = image.convert("I")
    grey = wide.point(lambda value: value * (1 / 257)).convert("L")
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return grey
    opaque = ImageMath.lambda_eval(lambda args: args["convert"]((args["shade"] != key) * 255, "L"), shade=wide)
    grey.info.pop("transparency", None)
    return Image.merge("LA", (grey, opaque))
