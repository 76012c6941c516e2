"""Reads templates from folders: Limner's own, and an operator's, who may add to them or put another in a place.

A template is a folder. Its name is the slug; in it are a `template.toml` and the pictures that the file names.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from limner.domain.prompts.characters import forbidden_character
from limner.domain.prompts.template import MAX_PICTURES, Template, TemplatePicture, normalise_slug

FILE = "template.toml"
LONGEST_TEXT = 2000
"""Characters of a template's text. Beyond some 700 the models with a short memory are given less of it."""

_SLUG = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_RATIO = re.compile(r"[1-9][0-9]{0,2}:[1-9][0-9]{0,2}")

# WebP is left out: not every model takes it, and a template serves them all.
_SIGNATURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}


class TemplateError(Exception):
    """A template cannot be read: the message names the file, the key where there is one, and the remedy."""

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. {remedy}")
        self.path = path


@dataclass(frozen=True, slots=True)
class LoadedTemplate:
    """A template and where its pictures lie. `version` changes with any byte of it: 12 hex digits of a SHA-256."""

    template: Template
    folder: Path
    version: str

    @property
    def pictures(self) -> tuple[Path, ...]:
        """The files of the template's pictures, in its own order."""
        return tuple(self.folder / picture.name for picture in self.template.pictures)


def load_templates(*folders: Path) -> Mapping[str, LoadedTemplate]:
    """The built-in templates and those of `folders`, by slug; of two with one slug the later folder's counts.

    Reads the disk: call it once, at the start. Raises TemplateError for the first thing it cannot use.
    """
    found: dict[str, LoadedTemplate] = {}
    for folder in (_built_in(), *folders):
        found |= _load_folder(folder)
    return MappingProxyType(found)


def _built_in() -> Path:
    return Path(str(resources.files("limner.templates")))


def _load_folder(folder: Path) -> dict[str, LoadedTemplate]:
    found: dict[str, LoadedTemplate] = {}
    for path in _template_folders(folder):
        loaded = load_template(path)
        if twin := found.get(loaded.template.slug):
            raise TemplateError(path, f"has the same slug as {twin.folder.name}", "Rename one of the two folders.")
        found[loaded.template.slug] = loaded
    return found


def _template_folders(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise TemplateError(folder, "is not a folder", "Create it, or take it out of the settings.")
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith((".", "_")):
            yield path


def load_template(folder: Path) -> LoadedTemplate:
    """The template in one folder."""
    slug = normalise_slug(folder.name)
    if not _SLUG.fullmatch(slug):
        raise TemplateError(folder, "the folder's name is no slug", "Use a-z and 0-9, with - or _ between words.")
    source = folder / FILE
    table = _Table(source, _parse(source))
    template = _template(slug, table)
    return LoadedTemplate(template, folder, _version(folder, template))


def _parse(source: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(source.read_text("utf-8"))
    except FileNotFoundError:
        raise TemplateError(source, "is missing", "Add it, or move the folder elsewhere.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TemplateError(source, f"is not valid TOML: {error}", "Correct it at that place.") from error


def _template(slug: str, table: "_Table") -> Template:
    table.refuse_unknown("title", "summary", "text", "aspect_ratio", "best_with", "needs_image", "pictures")
    return Template(
        slug=slug,
        title=table.line("title", most=80),
        summary=table.line("summary", most=300),
        text=table.line("text", most=LONGEST_TEXT),
        aspect_ratio=_aspect_ratio(table),
        best_with=table.lines("best_with"),
        needs_image=table.yes_or_no("needs_image"),
        pictures=tuple(_picture(entry) for entry in table.tables("pictures", most=MAX_PICTURES)),
    )


def _aspect_ratio(table: "_Table") -> str | None:
    if "aspect_ratio" not in table.values:
        return None
    ratio = table.line("aspect_ratio", most=7)
    if not _RATIO.fullmatch(ratio):
        raise table.error("aspect_ratio", f"{ratio!r} is no ratio", 'Write width and height, as in "16:9".')
    return ratio


def _picture(table: "_Table") -> TemplatePicture:
    table.refuse_unknown("file", "role")
    name = table.line("file", most=100)
    return TemplatePicture(name, table.line("role", most=200), _media_type(table, name))


def _media_type(table: "_Table", name: str) -> str:
    if Path(name).name != name:
        raise table.error("file", f"{name!r} leads out of the folder", "Put the picture beside template.toml.")
    path = table.source.parent / name
    if not path.is_file():
        raise table.error("file", f"there is no {name!r}", "Put the picture beside template.toml, or correct the name.")
    with path.open("rb") as file:
        head = file.read(16)
    for media_type, signature in _SIGNATURES.items():
        if head.startswith(signature):
            return media_type
    raise table.error("file", f"{name!r} is neither PNG nor JPEG", "Convert it: these two are what every model takes.")


def _version(folder: Path, template: Template) -> str:
    digest = sha256()
    for name in (FILE, *(picture.name for picture in template.pictures)):
        digest.update(sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class _Table:
    """One table of a template.toml, read key by key; `where` is its own name in messages, such as `pictures[0].`."""

    source: Path
    values: Mapping[str, Any]
    where: str = ""

    def error(self, key: str, problem: str, remedy: str) -> TemplateError:
        return TemplateError(self.source, f"{self.where}{key}: {problem}", remedy)

    def refuse_unknown(self, *known: str) -> None:
        for key in self.values:
            if key not in known:
                raise self.error(key, "is not a key of a template", f"Known keys: {', '.join(known)}.")

    def line(self, key: str, *, most: int) -> str:
        value = self.values.get(key)
        if value is None:
            raise self.error(key, "is missing", f'Add a line such as {key} = "…".')
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, f"{value!r} is not a text", f'Write {key} = "…".')
        if len(value) > most:
            raise self.error(key, f"is {len(value)} characters long", f"Shorten it to {most}.")
        if unfit := forbidden_character(value):
            raise self.error(key, f"holds {unfit.code_points}, {unfit.kind}", "Remove it: no model may be sent it.")
        return value.strip()

    def lines(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise self.error(key, f"{value!r} is not a list of texts", f'Write {key} = ["…", "…"].')
        return tuple(value)

    def yes_or_no(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, f"{value!r} is neither true nor false", f"Write {key} = true or {key} = false.")
        return value

    def tables(self, key: str, *, most: int) -> "Iterator[_Table]":
        entries = self.values.get(key, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self.error(key, "is not a list of tables", f"Begin each picture with a line [[{key}]].")
        if len(entries) > most:
            raise self.error(key, f"lists {len(entries)}", f"Keep {most} at most: a model has room for few.")
        return (_Table(self.source, entry, f"{key}[{place}].") for place, entry in enumerate(entries))
