"""The templates at hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from limner.domain.prompts.template import Template


class LoadedTemplate(Protocol):
    """A template and the files of its pictures, in the template's own order."""

    @property
    def template(self) -> Template: ...

    @property
    def version(self) -> str: ...

    @property
    def pictures(self) -> tuple[Path, ...]: ...


Templates = Mapping[str, LoadedTemplate]
"""By normalised slug."""
