"""What an operator may wish of a model: the options of the account, and over them those of a route."""

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
    """`loaded` is how many models are in memory at once; only the account's counts.

    `device` is `auto`, `cpu`, `mps`, `cuda` or `cuda:N`; `auto` takes the first of CUDA, MPS and the CPU there is.
    `dtype` `auto` is bfloat16, or float16 on a card without it. `offload` keeps in the card's memory only the `model`
    part that works, or only its layer (`sequential`). `megapixels` is the size of a picture. `steps`, `guidance` and
    `max_sequence_length` are the model's own unless said.
    """

    loaded: int = 1
    device: str = "auto"
    dtype: str = "auto"
    offload: str = "none"
    megapixels: float = 1.0
    steps: int | None = None
    guidance: float | None = None
    max_sequence_length: int | None = None


def wishes_of(account: Mapping[str, Any], route: Mapping[str, Any] = _NONE) -> PipelineOptions | Failure:
    """The options, checked: a misspelt one is told, not passed over."""
    options = {**account, **route}
    if "loaded" in route:
        return _misfit("the option 'loaded'", "it is one of the provider's, not of a route's")
    if unknown := sorted(options.keys() - _RULES.keys()):
        return _misfit(f"the option {unknown[0]!r}", f"known are {', '.join(_RULES)}")
    for name, value in options.items():
        rule, words = _RULES[name]
        if not rule(value):
            return _misfit(f"{name} = {value!r}", f"it is {words}")
    return PipelineOptions(**options)


def _misfit(what: str, rule: str) -> Failure:
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

assert _RULES.keys() == {each.name for each in fields(PipelineOptions)}  # noqa: S101 - a wish without its rule is a slip
