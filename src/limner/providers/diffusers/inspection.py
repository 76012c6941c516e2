"""What an operator wants to know before the first order: which models are there, and whether anything can run them."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from limner.ports.provider import UpstreamCheck
from limner.providers.diffusers.folder import Weights, look

_PACKAGES: Final = ("torch", "diffusers", "transformers", "accelerate")


def lacking_packages() -> Sequence[str]:
    """What the extra would bring and nobody installed. None of them is imported."""
    return [name for name in _PACKAGES if find_spec(name) is None]


def inspect(models: Path, lacking: Sequence[str]) -> UpstreamCheck:
    """Whether one model at least could be loaded from this folder. Reads files."""
    if lacking:
        return UpstreamCheck(
            well=False, says=f"{', '.join(lacking)} not installed; run pip install 'limner[diffusers]'"
        )
    if not models.is_dir():
        return UpstreamCheck(well=False, says=f"the models' folder {models} is not there")
    seen = [look(folder) for folder in sorted(models.iterdir()) if (folder / "model_index.json").is_file()]
    good = [f"{each.folder.name} ({each.pipeline})" for each in seen if isinstance(each, Weights)]
    bad = [each.reason for each in seen if not isinstance(each, Weights)]
    return UpstreamCheck(well=bool(good), says="; ".join([*good, *bad]) or f"no model lies in the folder {models}")
