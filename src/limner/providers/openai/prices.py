"""What OpenAI's pictures cost: by the answer's token counts, else by quality and size."""

from collections.abc import Mapping
from typing import Any, Final

from limner.domain.picture_size import exact_size
from limner.domain.routing.prices import USUAL_PIXELS, Prices
from limner.providers.openai.models import SQUARE, SQUARE_MEGAPIXEL, OpenAiFacts

_USUAL_QUALITY: Final = "medium"
"""What `auto`, the default, mostly comes to."""


def cost_of(body: Mapping[str, Any], facts: OpenAiFacts, options: Mapping[str, Any]) -> float | None:
    """US dollars by token counts, else by quality and size, else None."""
    match body.get("usage"):
        case {"input_tokens": int(tokens_in), "output_tokens": int(tokens_out), **rest} if facts.rates:
            image = _image_tokens(rest.get("input_tokens_details"))
            text_usd, image_usd = facts.rates.text_in * (tokens_in - image), facts.rates.image_in * image
            return (text_usd + image_usd + facts.rates.image_out * tokens_out) / 1e6
    return _price(facts, str(body.get("quality", options.get("quality"))), str(body.get("size", SQUARE)))


def prices_of(facts: OpenAiFacts, options: Mapping[str, Any]) -> Prices:
    """The prices of what a route's options leave open.

    A size without a price of its own costs what its quality does, times how much other qualities rise with the size.
    """
    base = {quality: usd for quality, usd in facts.usd.items() if " " not in quality}
    rise = _rise(facts.usd)
    points = {quality: tuple((pixels, usd * times) for pixels, times in rise) for quality, usd in base.items()}
    usual = str(options.get("quality", _USUAL_QUALITY))
    prices = Prices(base.get(usual), points, usual)
    size = str(options.get("size", "auto"))
    return prices if size == "auto" else prices.at(size)


def _rise(usd: Mapping[str, float]) -> list[tuple[int, float]]:
    """How many times the price of a square megapixel other sizes cost, by their pixels, as far as prices are known."""
    sizes = {name: found for name in usd if (found := exact_size(name.rpartition(" ")[2]))}
    dearest = {width * height: usd[name] / usd[name.partition(" ")[0]] for name, (width, height) in sizes.items()}
    return sorted({USUAL_PIXELS: 1.0, **dearest}.items())


def _price(facts: OpenAiFacts, quality: str, size: str) -> float | None:
    """By quality and size. Only the models of fixed sizes are priced by their pixels."""
    usd = facts.usd.get(quality)
    if usd is None or size == SQUARE:
        return usd
    return facts.usd.get(f"{quality} {size}", usd * _megapixels(size) if facts.sizes else None)


def _image_tokens(details: Any) -> int:
    match details:
        case {"image_tokens": int(tokens)}:
            return tokens
    return 0


def _megapixels(size: str) -> float:
    width, _, height = size.partition("x")
    return int(width) * int(height) / SQUARE_MEGAPIXEL if width.isdecimal() and height.isdecimal() else 1.0
