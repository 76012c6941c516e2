"""The loaded templates."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from limner.domain.ids import TemplateVersionId
from limner.domain.prompts.template import Template


class LoadedTemplate(Protocol):
    """A template and its picture files, in the template's order."""

    @property
    def template(self) -> Template: ...

    @property
    def version(self) -> str: ...

    @property
    def row(self) -> TemplateVersionId | None:
        """The stored version; None for a template of a folder of the operator's."""
        ...

    @property
    def pictures(self) -> tuple[Path, ...]: ...


Templates = Mapping[str, LoadedTemplate]
"""By normalised slug."""
