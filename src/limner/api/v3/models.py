"""The names that v3 has for models; those of v2 are known here too."""

from collections.abc import Mapping
from types import MappingProxyType

from limner.domain.model import DEFAULT_MODEL, MODELS
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
"""What each is called in `domain.model`. The last three are how the upstream's documents spell the `banana` models.

`seedream_v4`, `seedream_v5` and the two `chat_image_2.5` have no counterpart: no model here draws as they do, and a
picture by another shall not pass for theirs.
"""


def model_called(name: str, field: str) -> str:
    """The model by the name it has here. Raises `Refusal` 2017 for a name that nobody serves."""
    if name in MODELS:
        return name
    if name in NAMES:
        return NAMES[name]
    raise Refusal(
        Code.VERSION_UNKNOWN,
        f"there is no model {name[:100]!r} here",
        suggestion=f"It may be {', '.join([*NAMES, *MODELS])}; left out, it is {DEFAULT_MODEL}.",
        field=field,
    )
