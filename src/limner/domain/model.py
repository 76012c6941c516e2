"""The public models, as rows of facts: what a model can do is looked up here, routes say which vendor serves it.

Source of the rows: the API document that Limner implements; where it is silent, `docs/models.md` says what was chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from limner.domain.prompts.prompt import FLUX, GEMINI, GPT_IMAGE, KONTEXT, MIDJOURNEY, PromptDialect

JPEG = "image/jpeg"
PNG = "image/png"
WEBP = "image/webp"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One public model version.

    `credits` is the price of one task. `reference_cap` is the most pictures that may travel with it, 0 for a
    text-only model. `successor_with_image` is the model that takes over when a text-only one is given a picture.
    """

    name: str
    title: str
    credits: int
    reference_cap: int
    accepts: frozenset[str]
    dialect: PromptDialect
    successor_with_image: str | None = None


_ANY = frozenset({JPEG, PNG, WEBP})
_NO_WEBP = frozenset({JPEG, PNG})

_ROWS = (
    ModelFacts("flux.1_kontext_pro", "FLUX.1 Kontext Pro", 5, 4, _NO_WEBP, KONTEXT),
    ModelFacts("flux.1_dev", "FLUX.1 dev", 5, 0, _NO_WEBP, FLUX, successor_with_image="flux.1_kontext_pro"),
    ModelFacts("gpt_4o", "GPT-4o (gpt-image-1)", 5, 10, _ANY, GPT_IMAGE),
    ModelFacts("gpt_image_1.5", "GPT Image 1.5", 10, 10, _ANY, GPT_IMAGE),
    ModelFacts("gpt_image_2", "GPT Image 2", 10, 10, _ANY, GPT_IMAGE),
    ModelFacts("midjourney", "Midjourney", 10, 0, _ANY, MIDJOURNEY),
    ModelFacts("gemini_2.5_flash_image_preview", "Gemini 2.5 Flash Image", 5, 10, _ANY, GEMINI),
    ModelFacts("gemini_3_pro_image_preview", "Gemini 3 Pro Image", 10, 10, _ANY, GEMINI),
    ModelFacts("gemini_3.1_flash_image_preview", "Gemini 3.1 Flash Image", 10, 10, _ANY, GEMINI),
)

MODELS: Mapping[str, ModelFacts] = MappingProxyType({row.name: row for row in _ROWS})
DEFAULT_MODEL = "flux.1_kontext_pro"
DEFAULT_MULTIVIEW_MODEL = "gemini_3.1_flash_image_preview"


def models_with_images() -> tuple[str, ...]:
    """The names of the models that take reference images."""
    return tuple(row.name for row in _ROWS if row.reference_cap)


def effective_model(named: ModelFacts, *, pictures: int) -> ModelFacts:
    """The model that runs: a text-only model may have a successor for requests with images."""
    if pictures and named.successor_with_image:
        return MODELS[named.successor_with_image]
    return named
