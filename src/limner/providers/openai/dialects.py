"""How servers with OpenAI's protocol differ: OpenAI, Azure OpenAI, SGLang-Diffusion, vLLM-Omni."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from limner.domain.picture_size import SIZE_CLASSES, exact_size
from limner.domain.routing.abilities import SizeLimits
from limner.providers.openai.models import OpenAiFacts

NEWEST_LIMITS: Final = SizeLimits(16, 16, 3840, min_pixels=655_360, max_pixels=8_294_400, ratio=3.0)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of server differs from OpenAI.

    `fields` are the request fields a route may set; `fixed_fields` are sent with every request. `references` is the
    most reference pictures a request may have, `limits` are those of sizes in pixels. `default_size` is sent when no
    aspect ratio is requested. `models` is the path of the model list. `honours_model_names` is False when the server
    accepts names that are not in its list.
    """

    vendor: str
    fields: frozenset[str]
    fixed_fields: Mapping[str, Any] = field(default_factory=dict)
    path: str = "images/{verb}"
    key_header: tuple[str, str] = ("Authorization", "Bearer {key}")
    references: int = 16
    takes_seed: bool = False
    takes_input_fidelity: bool = True
    takes_mask: bool = True
    limits: SizeLimits = NEWEST_LIMITS
    size_classes: frozenset[str] = frozenset(SIZE_CLASSES)
    can_stream: bool = True
    default_size: str | None = None
    is_billed: bool = True
    models: str = "models"
    honours_model_names: bool = True


_OPENAI: Final = Dialect(
    "OpenAI",
    frozenset(
        {
            *("quality", "background", "output_format", "output_compression"),
            *("complexity", "moderation", "safety_identifier"),
        }
    ),
)
# Azure lists models, but requests name deployments.
_AZURE: Final = replace(_OPENAI, vendor="Azure OpenAI", key_header=("api-key", "{key}"), honours_model_names=False)
# With its default, `url`, SGLang answers 400 unless an output path or cloud storage is configured.
_SGLANG: Final = Dialect(
    "SGLang",
    frozenset({"num_inference_steps", "guidance_scale", "negative_prompt", "output_format"}),
    {"response_format": "b64_json"},
    takes_seed=True,
    takes_input_fidelity=False,
    takes_mask=False,
    limits=SizeLimits(16, 64, 4096, ratio=3.0),
    size_classes=frozenset({"1K", "2K"}),
    can_stream=False,
    default_size="1024x1024",
    is_billed=False,
    honours_model_names=False,  # it uses the model it was started with, whatever the request names
)
# vLLM-Omni reads several pictures as a batch, not as references for one picture.
_VLLM_OMNI: Final = replace(
    _SGLANG,
    vendor="vLLM-Omni",
    fields=frozenset({"num_inference_steps", "guidance_scale", "true_cfg_scale", "lora", "extra_params"}),
    references=1,
    honours_model_names=True,
)

DIALECTS: Final[Mapping[str, Dialect]] = {
    "openai": _OPENAI,
    "azure": _AZURE,
    "azure-deployments": replace(
        _AZURE,
        path="openai/deployments/{model}/images/{verb}?api-version={version}",
        models="openai/models?api-version={version}",
    ),
    "sglang": _SGLANG,
    "vllm-omni": _VLLM_OMNI,
}
"""By the account option `dialect`. `azure` is for base URLs that end in `/openai/v1`."""

AZURE_API_VERSION: Final = "2025-04-01-preview"


def size_limits(dialect: Dialect, facts: OpenAiFacts) -> SizeLimits:
    if not facts.sizes:
        return dialect.limits
    return SizeLimits(only=tuple(sides for size in facts.sizes if (sides := exact_size(size))))
