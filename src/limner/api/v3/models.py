"""Model names of v3; those of v2 are accepted too."""

from collections.abc import Mapping
from types import MappingProxyType

from limner.domain.model import MODELS
from limner.domain.refusal import Code, Refusal

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "chat_image_1": "gpt_4o",
        "chat_image_1.5": "gpt_image_1.5",
        "chat_image_2": "gpt_image_2",
        "banana": "gemini_2.5_flash_image_preview",
        "banana_pro": "gemini_3_pro_image_preview",
        "banana2": "gemini_3.1_flash_image_preview",
        "gemini-2.5-flash": "gemini_2.5_flash_image_preview",
        "gemini-3-pro": "gemini_3_pro_image_preview",
        "gemini-3.1-flash": "gemini_3.1_flash_image_preview",
    }
)
"""v3 names to names in `domain.model`. The last three are the upstream documentation's spellings of `banana` models.

`seedream_v4`, `seedream_v5` and the two `chat_image_2.5` are missing on purpose: no available model is an equivalent.
"""


def model_called(name: str, field: str) -> str:
    """The domain name of a model. Raises `Refusal` 2017 for an unknown name."""
    if name in MODELS:
        return name
    if name in NAMES:
        return NAMES[name]
    raise Refusal(
        Code.VERSION_UNKNOWN,
        f"there is no model {name[:100]!r}",
        suggestion=f"It may be {', '.join([*NAMES, *MODELS])}, or left out for the default model.",
        field=field,
    )
