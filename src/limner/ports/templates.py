"""The loaded templates."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from limner.domain.prompts.template import Template


class LoadedTemplate(Protocol):
    """A template and its picture files, in the template's order."""

    @property
    def template(self) -> Template: ...

    @property
    def version(self) -> str: ...

    @property
    def pictures(self) -> tuple[Path, ...]: ...


Templates = Mapping[str, LoadedTemplate]
"""By normalised slug."""
