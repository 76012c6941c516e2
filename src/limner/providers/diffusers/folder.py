"""A model folder in the layout of diffusers' `save_pretrained`, which model hubs use for downloads.

`model_index.json` names the pipeline class and its components; each component is a folder beside it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from limner.domain.prompts.dialect import FLUX, NUMBERED, STITCHED, PromptDialect
from limner.domain.routing.failure import Failure, FailureKind


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """Limits and defaults of one pipeline class.

    `pictures` is the most reference pictures. `one_canvas`: several are joined side by side into one picture.
    `steps` and `guidance` are the values its authors recommend. `dialect` is how it expects a prompt.
    """

    pictures: int
    steps: int
    guidance: float
    max_sequence_length: int = 512
    one_canvas: bool = False
    dialect: PromptDialect = FLUX


_FLUX: Final = FolderFacts(0, steps=28, guidance=3.5)
_KONTEXT: Final = FolderFacts(4, steps=28, guidance=2.5, one_canvas=True, dialect=STITCHED)
_KLEIN: Final = FolderFacts(4, steps=50, guidance=4.0, dialect=NUMBERED)

PIPELINES: Final[Mapping[str, FolderFacts]] = {
    "FluxPipeline": _FLUX,
    "FluxKontextPipeline": _KONTEXT,
    "Flux2KleinPipeline": _KLEIN,
}

_SCHNELL: Final = replace(_FLUX, steps=4, guidance=0.0, max_sequence_length=256)
_KLEIN_DISTILLED: Final = replace(_KLEIN, steps=4, guidance=1.0)


@dataclass(frozen=True, slots=True)
class Weights:
    """A model folder whose components are all present."""

    folder: Path
    pipeline: str
    facts: FolderFacts


def folder_of(models: str, upstream: str) -> Path:
    """The folder of `upstream`: a name relative to `models`, or an absolute path."""
    return Path(models).expanduser() / Path(upstream).expanduser()


def inspect_folder(folder: Path) -> Weights | Failure:
    """The folder's weights, or a failure that says what is missing and what to do. Reads files."""
    if not folder.is_dir():
        return _unavailable(folder, "does not exist; put the weights there, or name another folder in the route")
    index = _json(folder / "model_index.json")
    if index is None:
        return _unavailable(folder, "has no readable model_index.json; a model in the layout of diffusers is needed")
    pipeline = str(index.get("_class_name"))
    if pipeline not in PIPELINES:
        return _unavailable(folder, f"is a {pipeline}; supported are {', '.join(PIPELINES)}")
    if missing := [part for part in _parts(index) if not (folder / part).is_dir()]:
        return _unavailable(folder, f"has no component {missing[0]!r}; download the whole model again")
    return Weights(folder, pipeline, _facts(folder, pipeline, index))


def _facts(folder: Path, pipeline: str, index: Mapping[str, Any]) -> FolderFacts:
    """The pipeline's limits; distilled models have the same class as the others, but other defaults."""
    if index.get("is_distilled") is True:
        return _KLEIN_DISTILLED
    transformer = _json(folder / "transformer" / "config.json") or {}
    if pipeline == "FluxPipeline" and transformer.get("guidance_embeds") is False:
        return _SCHNELL
    return PIPELINES[pipeline]


def _parts(index: Mapping[str, Any]) -> list[str]:
    """The component names; an unused optional component has null for library and class."""
    return [name for name, value in index.items() if isinstance(value, list) and value and value[0] is not None]


def _json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _unavailable(folder: Path, words: str) -> Failure:
    """The reason has only the folder's name, as callers see it; the full path is in `detail`."""
    return Failure(FailureKind.MODEL_UNAVAILABLE, f"the model folder {folder.name!r} {words}", detail=str(folder))
