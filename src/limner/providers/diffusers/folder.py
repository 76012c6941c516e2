"""A model folder, as `save_pretrained` of diffusers writes it and as model hubs offer it for download.

`model_index.json` names the pipeline's class and its parts; each part is a folder beside it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from limner.domain.routing.failure import Failure, FailureKind


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """What one kind of pipeline takes. `pictures` is the most references; `one_canvas` lays several side by side.

    `steps` and `guidance` are what its maker recommends.
    """

    pictures: int
    steps: int
    guidance: float
    max_sequence_length: int = 512
    one_canvas: bool = False


_FLUX: Final = FolderFacts(0, steps=28, guidance=3.5)
_KONTEXT: Final = FolderFacts(4, steps=28, guidance=2.5, one_canvas=True)
_KLEIN: Final = FolderFacts(4, steps=50, guidance=4.0)

PIPELINES: Final[Mapping[str, FolderFacts]] = {
    "FluxPipeline": _FLUX,
    "FluxKontextPipeline": _KONTEXT,
    "Flux2KleinPipeline": _KLEIN,
}

_SCHNELL: Final = replace(_FLUX, steps=4, guidance=0.0, max_sequence_length=256)
_KLEIN_DISTILLED: Final = replace(_KLEIN, steps=4, guidance=1.0)


@dataclass(frozen=True, slots=True)
class Weights:
    """A model folder that has all its parts."""

    folder: Path
    pipeline: str
    facts: FolderFacts


def place(models: str, upstream: str) -> Path:
    """Where `upstream` lies: a name is a folder in `models`, an absolute path does for itself."""
    return Path(models).expanduser() / Path(upstream).expanduser()


def look(folder: Path) -> Weights | Failure:
    """What the folder holds, or what it lacks and how to mend that. Reads files."""
    if not folder.is_dir():
        return _unavailable(folder, "is not there; put the weights into it, or name another in the route")
    index = _json(folder / "model_index.json")
    if index is None:
        return _unavailable(folder, "has no readable model_index.json; it takes a model in the layout of diffusers")
    pipeline = str(index.get("_class_name"))
    if pipeline not in PIPELINES:
        return _unavailable(folder, f"is a {pipeline}; {', '.join(PIPELINES)} are known here")
    if lacking := [part for part in _parts(index) if not (folder / part).is_dir()]:
        return _unavailable(folder, f"lacks its part {lacking[0]!r}; fetch the whole model again")
    return Weights(folder, pipeline, _facts(folder, pipeline, index))


def _facts(folder: Path, pipeline: str, index: Mapping[str, Any]) -> FolderFacts:
    """Models that were distilled to few steps have the class of those that were not."""
    if index.get("is_distilled") is True:
        return _KLEIN_DISTILLED
    transformer = _json(folder / "transformer" / "config.json") or {}
    if pipeline == "FluxPipeline" and transformer.get("guidance_embeds") is False:
        return _SCHNELL
    return PIPELINES[pipeline]


def _parts(index: Mapping[str, Any]) -> list[str]:
    """The names of the parts; one that the model goes without has null for its library and class."""
    return [name for name, what in index.items() if isinstance(what, list) and what and what[0] is not None]


def _json(path: Path) -> dict[str, Any] | None:
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def _unavailable(folder: Path, words: str) -> Failure:
    """The reason names the folder as the operator does; where it lies is for `explain` alone."""
    return Failure(FailureKind.MODEL_UNAVAILABLE, f"the model folder {folder.name!r} {words}", detail=str(folder))
