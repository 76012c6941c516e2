"""The options of local models: those of the account, overridden by those of a route."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Final

from limner.domain.routing.failure import Failure, FailureKind

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
    options = {**account, **route}
    if "loaded" in route:
        return _invalid("the option 'loaded'", "only the provider may set it, not a route")
    if unknown := sorted(options.keys() - _RULES.keys()):
        return _invalid(f"the option {unknown[0]!r}", f"known are {', '.join(_RULES)}")
    for name, value in options.items():
        rule, words = _RULES[name]
        if not rule(value):
            return _invalid(f"{name} = {value!r}", f"it is {words}")
    return PipelineOptions(**options)


def _invalid(what: str, rule: str) -> Failure:
    return Failure(FailureKind.MODEL_UNAVAILABLE, f"this server's route to diffusers has {what}; {rule}")


def _whole(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _number(least: float, most: float) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _is_device(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    kind, _, number = value.partition(":")
    return value in {"auto", "cpu", "mps", "cuda"} or (kind == "cuda" and number.isdecimal())


_RULES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "loaded": (_whole(1, 64), "a whole number from 1"),
    "device": (_is_device, "auto, cpu, mps, cuda or cuda:N"),
    "dtype": (DTYPES.__contains__, f"one of {', '.join(DTYPES)}"),
    "offload": (OFFLOADS.__contains__, f"one of {', '.join(OFFLOADS)}"),
    "megapixels": (_number(0.001, 4), "a number up to 4"),
    "steps": (_whole(1, 200), "a whole number from 1 to 200"),
    "guidance": (_number(0, 50), "a number from 0 to 50"),
    "max_sequence_length": (_whole(1, 512), "a whole number from 1 to 512"),
}

assert _RULES.keys() == {each.name for each in fields(PipelineOptions)}  # noqa: S101 - every option needs a rule
