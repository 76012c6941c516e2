"""The check for `limner providers check`: which models are present, and whether the packages to run them are."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from limner.ports.provider import UpstreamCheck
from limner.providers.diffusers.folder import Weights, inspect_folder

_PACKAGES: Final = ("torch", "diffusers", "transformers", "accelerate")


def missing_packages() -> Sequence[str]:
    """The packages of the extra `diffusers` that are not installed. Imports none of them."""
    return [name for name in _PACKAGES if find_spec(name) is None]


def inspect(models: Path, missing: Sequence[str]) -> UpstreamCheck:
    """Whether the packages and at least one complete model are there. Reads files, loads nothing."""
    if missing:
        return UpstreamCheck(
            well=False, says=f"{', '.join(missing)} not installed; run pip install 'limner[diffusers]'"
        )
    if not models.is_dir():
        return UpstreamCheck(well=False, says=f"the models folder {models} does not exist")
    found = [inspect_folder(folder) for folder in sorted(models.iterdir()) if (folder / "model_index.json").is_file()]
    complete = [f"{each.folder.name} ({each.pipeline})" for each in found if isinstance(each, Weights)]
    problems = [each.reason for each in found if not isinstance(each, Weights)]
    says = "; ".join([*complete, *problems]) or f"there is no model in the folder {models}"
    return UpstreamCheck(well=bool(complete), says=says)
