"""How a family of models expects its prompt. An adapter knows the family of each upstream; a route may name another."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class PromptDialect:
    """How a family of models expects its prompt.

    `picture` refers to the n-th reference image, `{n}` counts from 1. `only_picture` refers to a single one. With
    `legend` a line introduces all images when there are several. `joint` separates the parts. `max_characters` is how
    much the model reads; template and switch texts are shortened to fit, the caller's never. `reads_flags` says that
    the vendor reads `--name value` in a prompt as a parameter.
    """

    picture: str = "image {n}"
    only_picture: str | None = None
    legend: bool = False
    joint: str = "\n"
    max_characters: int | None = None
    reads_flags: bool = False

    def name_of(self, number: int, *, among: int) -> str:
        """How the prompt refers to image `number` of `among`."""
        if among == 1 and self.only_picture:
            return self.only_picture
        return self.picture.format(n=number)


# FLUX.1 reads 512 tokens of T5, about 1800 characters of English; OpenAI takes 32000 characters.
KONTEXT = PromptDialect(only_picture="the input image", max_characters=1800)
FLUX = PromptDialect(max_characters=1800)
NUMBERED = PromptDialect(legend=True)
"""For models that count their pictures: FLUX.2 and 3, Seedream, Qwen Image."""
STITCHED = PromptDialect(picture="picture {n} from the left", only_picture="the input image", max_characters=1800)
"""For upstreams that take one image: several references are placed side by side on it."""
GPT_IMAGE = PromptDialect(picture="Image {n}", legend=True, joint="\n\n", max_characters=32_000)
GEMINI = PromptDialect(picture="Image {n}", joint="\n\n")
"""Without a legend, since each image is sent after a label. The role of a template image is stated all the same."""
MIDJOURNEY = PromptDialect(joint=" ", reads_flags=True)
PLAIN = PromptDialect()
"""For the built-in engine, and for upstreams of an unknown family."""

DIALECTS: Mapping[str, PromptDialect] = MappingProxyType(
    {
        "kontext": KONTEXT,
        "flux": FLUX,
        "numbered": NUMBERED,
        "stitched": STITCHED,
        "gpt_image": GPT_IMAGE,
        "gemini": GEMINI,
        "midjourney": MIDJOURNEY,
        "plain": PLAIN,
    }
)
"""By the name that a route may give."""

_FAMILIES = {
    "kontext": KONTEXT,
    "flux-2": NUMBERED,
    "flux2": NUMBERED,
    "flux-3": NUMBERED,
    "flux": FLUX,
    "seedream": NUMBERED,
    "qwen-image": NUMBERED,
    "gpt-image": GPT_IMAGE,
    "nano-banana": GEMINI,
    "gemini": GEMINI,
    "midjourney": MIDJOURNEY,
}


_SAME_FAMILY = {"flux2": "flux-2", "nano-banana": "gemini"}
"""Other names of a family."""


def dialect_named_in(upstream: str) -> PromptDialect:
    """The dialect of the family that a vendor's name of a model contains, as `black-forest-labs/FLUX.1-Kontext-dev`."""
    return _FAMILIES.get(_named_in(upstream), PLAIN)


def family_named_in(upstream: str) -> str:
    """The family of a model by a vendor's name of it; the whole name where it contains none that is known."""
    named = _named_in(upstream)
    return _SAME_FAMILY.get(named, named) or upstream


def _named_in(upstream: str) -> str:
    name = upstream.lower().replace(".", "-").replace("_", "-")
    return next((family for family in _FAMILIES if family in name), "")
