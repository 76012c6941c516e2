"""Fields that apps send in loose forms, as more than one API reads them: models, sizes, prompts, pictures."""

import math
import re
import unicodedata

from limner.domain.model import Models
from limner.domain.prompts.prompt import PromptRules
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.request import InlineSource, Source, UrlSource

PROMPT_RULES = PromptRules(32_000, emoji=True)

OWN_NAMES = re.compile(r"(chatgpt-image|gpt-image|dall-e)[\w.-]*")
"""Model names that apps ship with, whichever models are served here: they mean the default model."""

MAX_REFERENCES = 16

_SHAPES = ("1:1", "3:2", "2:3", "4:3", "3:4", "16:9", "9:16", "5:4", "4:5", "21:9", "9:21", "2:1", "1:2")
_SIDE_OF_2K, _SIDE_OF_4K = 1_900, 3_400
"""From this longer side on, a size counts as 2K and 4K."""

_NOT_IN_PROMPTS = {"Cc", "Cs", "Co", "Cn"}


def model_of(name: str | None, models: Models) -> str | None:
    """The public model that a name means; None for the default. Raises `Refusal` for a name that nobody knows."""
    asked = (name or "").strip()
    if not asked:
        return None
    found = models.called(asked) or models.called(asked.replace("-", "_"))
    if found:
        return found.name
    if OWN_NAMES.fullmatch(asked):
        return None
    raise Refusal(
        Code.VERSION_UNKNOWN,
        f"The model {asked[:100]!r} does not exist",
        suggestion="GET /v1/models lists the models. Leave it empty for the default.",
        field="model",
    )


def shape_and_class(size: str | None) -> tuple[str | None, str | None]:
    """The nearest shape ("3:2") and the size class of "WIDTHxHEIGHT"; None where any will do."""
    match = re.fullmatch(r"\s*(\d{1,5})\s*[xX×]\s*(\d{1,5})\s*", size or "")
    if match is None or not (int(match[1]) and int(match[2])):
        return None, None
    width, height = int(match[1]), int(match[2])
    shape = min(_SHAPES, key=lambda each: abs(math.log(_ratio(each) / (width / height))))
    side = max(width, height)
    return shape, "4K" if side >= _SIDE_OF_4K else "2K" if side >= _SIDE_OF_2K else None


def _ratio(shape: str) -> float:
    across, down = shape.split(":")
    return int(across) / int(down)


def cleaned(prompt: str) -> str:
    """Without control, private-use and unpaired characters, which apps pass on from what was pasted to them."""
    return "".join(each for each in prompt if each in "\n\t" or unicodedata.category(each) not in _NOT_IN_PROMPTS)


def source_of(text: str) -> Source:
    """A data URL, base64, or an address."""
    text = text.strip()
    return UrlSource(text) if text.lower().startswith(("http://", "https://")) else InlineSource(text)
