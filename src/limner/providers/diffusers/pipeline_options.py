"""The options of local models: those of the account, overridden by those of a route."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Final

from limner.domain.routing.failure import Failure, FailureKind
from limner.providers._http.options import Rules, invalid_option, number_in, one_of, provider_only, whole_number_in

DTYPES: Final = ("auto", "bfloat16", "float16", "float32")
OFFLOADS: Final = ("none", "model", "sequential")

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """`loaded` is how many models may be in memory at once; only the account may set it.

    `device` is `auto`, `cpu`, `mps`, `cuda` or `cuda:N`; `auto` is the first available of CUDA, MPS and CPU. `dtype`
    `auto` is bfloat16, or float16 on a GPU without it. `offload` keeps in GPU memory only the component in use
    (`model`) or only its layer in use (`sequential`). `megapixels` is the size of a picture. `steps`, `guidance` and
    `max_sequence_length` default to the model's own values.
    """

    loaded: int = 1
    device: str = "auto"
    dtype: str = "auto"
    offload: str = "none"
    megapixels: float = 1.0
    steps: int | None = None
    guidance: float | None = None
    max_sequence_length: int | None = None


def options_of(account: Mapping[str, Any], route: Mapping[str, Any] = _NONE) -> PipelineOptions | Failure:
    """The merged and validated options, or a failure that names the first invalid one."""
    wrong = invalid_option(route, ROUTE_RULES) or invalid_option(account, RULES)
    if wrong:
        return Failure(FailureKind.MODEL_UNAVAILABLE, f"this server's route to diffusers: {wrong}")
    return PipelineOptions(**{**account, **route})


def _device(value: Any) -> str | None:
    kind, _, number = str(value).partition(":")
    good = isinstance(value, str) and (
        value in {"auto", "cpu", "mps", "cuda"} or (kind == "cuda" and number.isdecimal())
    )
    return None if good else f"{value!r} is none of auto, cpu, mps, cuda and cuda:N"


RULES: Final[Rules] = {
    "loaded": whole_number_in(1, 64),
    "device": _device,
    "dtype": one_of(*DTYPES),
    "offload": one_of(*OFFLOADS),
    "megapixels": number_in(0.001, 4),
    "steps": whole_number_in(1, 200),
    "guidance": number_in(0, 50),
    "max_sequence_length": whole_number_in(1, 512),
}
"""The rules for options of the account."""

ROUTE_RULES: Final[Rules] = {**RULES, "loaded": provider_only}
"""The rules for options of a route."""

assert RULES.keys() == {each.name for each in fields(PipelineOptions)}  # noqa: S101 - every option needs a rule
