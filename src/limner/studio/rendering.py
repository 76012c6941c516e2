"""The Studio's templates, compiled once for each language.

A page of 48 cards has some two thousand sentences and icons that never change: they become text when a template is
compiled. What depends on the request is filled in as in any template.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup, escape

from limner.studio.texts import Texts, languages

FOLDER = Path(__file__).parent / "templates"

_SENTENCE = re.compile(r"\{\{ t\('([^'\\]+)'\) \}\}")
_ICON = re.compile(r"\{\{ icon\('([\w-]+)'\) \}\}")
_ICON_MARKUP = r'<svg class="icon" aria-hidden="true"><use href="{{ assets }}/icons.svg#\1"/></svg>'
"""What the macro `icon` makes of a name alone."""

_CODE = re.compile("`([^`]+)`")


class ConstantParts(Extension):
    """Replaces calls of `t` and `icon` whose only argument is a literal, before a template is parsed."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        texts: Any = self.environment.globals["t"]
        with_icons = _ICON.sub(_ICON_MARKUP, source)
        return _SENTENCE.sub(lambda found: str(escape(texts(found[1]))), with_icons)


def render(name: str, texts: Texts, values: Mapping[str, Any]) -> str:
    """`templates/{name}` in the language of `texts`. Raises `UndefinedError` for a value that is missing."""
    return _compiled(texts.language).get_template(name).render(values)


def render_text(source: str, texts: Texts, values: Mapping[str, Any]) -> str:
    """The text of a template that is in no file."""
    return _with_constants(texts).from_string(source).render(values)


def environment(texts: Texts) -> Environment:
    """Templates in one language, with every call made as they are rendered."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.globals["t"] = texts
    made.filters["grouped"] = "{:,}".format
    made.filters["capitalize_first"] = lambda sentence: sentence[:1].upper() + sentence[1:]
    made.filters["code"] = lambda text: Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704
    return made


def _with_constants(texts: Texts) -> Environment:
    made = environment(texts)
    made.add_extension(ConstantParts)
    return made


@cache
def _compiled(language: str) -> Environment:
    return _with_constants(languages()[language])
