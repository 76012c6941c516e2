"""Load templates from folders: the built-in ones, and those of an operator, which may replace built-in ones.

A template is a folder. The folder's name is the slug; it contains a `template.toml` and the pictures named there.
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

from limner.domain.ids import TemplateVersionId
from limner.domain.prompts.characters import forbidden_character
from limner.domain.prompts.template import MAX_PICTURES, Template, TemplatePicture, normalise_slug
from limner.domain.refusal import Code, Refusal

FILE = "template.toml"
MAX_TEXT_CHARACTERS = 2000
"""Longest text of a template. Models with a short context get a shortened text from about 700 characters on."""

_SLUG = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_RATIO = re.compile(r"[1-9][0-9]{0,2}:[1-9][0-9]{0,2}")

# No WebP: a template must work with every model, and not every model accepts WebP.
_SIGNATURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}


class TemplateError(Exception):
    """A template is invalid. The message names the file, the key if there is one, and what to do."""

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. {remedy}")
        self.path = path
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class LoadedTemplate:
    """A template and its folder. `version` is 12 hex digits of a SHA-256 over the template file and its pictures."""

    template: Template
    folder: Path
    version: str
    row: TemplateVersionId | None = None

    @property
    def pictures(self) -> tuple[Path, ...]:
        """The paths of the template's pictures, in the order of `template.toml`."""
        return tuple(self.folder / picture.name for picture in self.template.pictures)


def load_templates(*folders: Path) -> Mapping[str, LoadedTemplate]:
    """The built-in templates and those of `folders`, by slug; on equal slugs the later folder wins.

    Reads files: call it once, at start-up. Raises TemplateError for the first invalid template.
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
        raise TemplateError(folder, "is not a folder", "Create it, or remove it from the settings.")
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith((".", "_")):
            yield path


def load_template(folder: Path) -> LoadedTemplate:
    """Load the template in one folder. Raises TemplateError."""
    slug = normalise_slug(folder.name)
    if not _SLUG.fullmatch(slug):
        raise TemplateError(folder, "the folder's name is not a slug", "Use a-z and 0-9, with - or _ between words.")
    source = folder / FILE
    table = _Table(source, _parse(source))
    template = _template(slug, table)
    return LoadedTemplate(template, folder, _version(folder, template))


def load_or_refuse(folder: Path) -> LoadedTemplate:
    """The same for a folder that a caller sent: raises `Refusal` in place of `TemplateError`."""
    try:
        return load_template(folder)
    except TemplateError as error:
        place = "" if error.path == folder else f"{error.path.name}: "
        raise Refusal(Code.INVALID, f"{place}{error.problem}", suggestion=error.remedy, field="template") from None


def _parse(source: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(source.read_text("utf-8"))
    except FileNotFoundError:
        raise TemplateError(source, "is missing", "Add it, or move the folder elsewhere.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TemplateError(source, f"is not valid TOML: {error}", "Correct it there.") from error


def _template(slug: str, table: "_Table") -> Template:
    table.refuse_unknown(
        "title", "summary", "text", "aspect_ratio", "best_with", "needs_image", "pictures", "before", "after"
    )
    return Template(
        slug=slug,
        title=table.line("title", max_length=80),
        summary=table.line("summary", max_length=300),
        text=table.line("text", max_length=MAX_TEXT_CHARACTERS),
        aspect_ratio=_aspect_ratio(table),
        best_with=table.lines("best_with"),
        needs_image=table.yes_or_no("needs_image"),
        pictures=tuple(_picture(entry) for entry in table.tables("pictures", max_length=MAX_PICTURES)),
        before=_shown("before", table),
        after=_shown("after", table),
    )


def _shown(key: str, table: "_Table") -> str | None:
    """The file of a picture that shows what the template does, if there is one."""
    if key not in table.values:
        return None
    name = table.line(key, max_length=100)
    _media_type(table, name, key)
    return name


def _aspect_ratio(table: "_Table") -> str | None:
    if "aspect_ratio" not in table.values:
        return None
    ratio = table.line("aspect_ratio", max_length=7)
    if not _RATIO.fullmatch(ratio):
        raise table.error("aspect_ratio", f"{ratio!r} is not a ratio", 'Write width and height, as in "16:9".')
    return ratio


def _picture(table: "_Table") -> TemplatePicture:
    table.refuse_unknown("file", "role")
    name = table.line("file", max_length=100)
    return TemplatePicture(name, table.line("role", max_length=200), _media_type(table, name))


def _media_type(table: "_Table", name: str, key: str = "file") -> str:
    if Path(name).name != name:
        raise table.error(key, f"{name!r} leads out of the folder", "Put the picture beside template.toml.")
    path = table.source.parent / name
    if not path.is_file():
        raise table.error(key, f"there is no {name!r}", "Put the picture beside template.toml, or correct the name.")
    with path.open("rb") as file:
        head = file.read(16)
    for media_type, signature in _SIGNATURES.items():
        if head.startswith(signature):
            return media_type
    raise table.error(key, f"{name!r} is neither PNG nor JPEG", "Convert it: these two are what every model takes.")


def _version(folder: Path, template: Template) -> str:
    digest = sha256()
    for name in (FILE, *template.files):
        digest.update(sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class _Table:
    """One table of a template.toml, read key by key; `where` is its prefix in messages, such as `pictures[0].`."""

    source: Path
    values: Mapping[str, Any]
    where: str = ""

    def error(self, key: str, problem: str, remedy: str) -> TemplateError:
        return TemplateError(self.source, f"{self.where}{key}: {problem}", remedy)

    def refuse_unknown(self, *known: str) -> None:
        for key in self.values:
            if key not in known:
                raise self.error(key, "is not a key of a template", f"Known keys: {', '.join(known)}.")

    def line(self, key: str, *, max_length: int) -> str:
        value = self.values.get(key)
        if value is None:
            raise self.error(key, "is missing", f'Add a line such as {key} = "…".')
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, f"{value!r} is not a text", f'Write {key} = "…".')
        if len(value) > max_length:
            raise self.error(key, f"is {len(value)} characters long", f"Shorten it to {max_length}.")
        if forbidden := forbidden_character(value):
            raise self.error(
                key, f"holds {forbidden.code_points}, {forbidden.kind}", "Remove it: no model may be sent it."
            )
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

    def tables(self, key: str, *, max_length: int) -> "Iterator[_Table]":
        entries = self.values.get(key, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self.error(key, "is not a list of tables", f"Begin each picture with a line [[{key}]].")
        if len(entries) > max_length:
            raise self.error(key, f"lists {len(entries)}", f"Keep {max_length} at most: models accept few pictures.")
        return (_Table(self.source, entry, f"{key}[{place}].") for place, entry in enumerate(entries))
