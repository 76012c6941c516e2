"""A picture brought down to size without ever holding a second copy of it in full."""

from PIL import Image

from limner.intake.decode.colour import working_mode

_BAND_PIXELS = 1_000_000


def fit(image: Image.Image, longest: int) -> Image.Image:
    """`image` in its working mode, no side longer than `longest`. Smaller pictures keep their size."""
    width, height = fitted(image.width, image.height, longest)
    # Boxes of whole pixels first, down to no less than twice the goal: the fine filter then sees all it needs.
    reduced = _reduce(image, max(1, max(image.size) // (2 * longest)))
    return reduced if reduced.size == (width, height) else reduced.resize((width, height), Image.Resampling.LANCZOS)


def fitted(width: int, height: int, longest: int) -> tuple[int, int]:
    """The size of `width` x `height` scaled so that neither side exceeds `longest`, and none vanishes."""
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
    """Pillow clips 16-bit greys at 255 when it converts them; scaled they keep their shades."""
    if image.mode != "I;16":
        return image
    return image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
