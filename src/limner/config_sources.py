"""Where settings come from: the environment and `limner.toml`, cleaned and checked for unknown names."""

import codecs
import contextlib
import difflib
import os
import re
import tomllib
from collections.abc import Collection, Mapping, MutableMapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, TomlConfigSettingsSource
from pydantic_settings.sources.utils import parse_env_vars

PREFIX = "LIMNER_"

_CLIENT_VARIABLES = {"LIMNER_KEY", "LIMNER_URL"}
"""Read by `limner replay` and by client programs, not by the server."""

_FOREIGN = re.compile(r"LIMNER_(TEST_.*|(.*_)?SERVICE_(HOST|PORT)(_.*)?|(.*_)?PORT_\d+_(TCP|UDP)(_.*)?)")
"""Variables of the test suite, and those that Kubernetes sets for a service called `limner`."""


class ConfigError(ValueError):
    """The configuration cannot be used. The message says where the mistake is, `remedy` what to do about it."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.remedy = remedy


class Environment(EnvSettingsSource):
    """The environment. Empty variables count as unset; `NAME_FILE` names a file that holds the value of `NAME`."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        variables = variables_of(self.settings_cls)
        _check_variables(os.environ, variables)
        cleaned = clean_environment(os.environ, variables)
        return parse_env_vars(cleaned, self.case_sensitive, self.env_ignore_empty, self.env_parse_none_str)


class TomlFile(TomlConfigSettingsSource):
    """`limner.toml`. Raises `ConfigError` for TOML that cannot be parsed and for unknown settings."""

    def __init__(self, settings: type[BaseSettings], path: Path) -> None:
        super().__init__(settings, path)
        known = {*settings.model_fields, *(name.lower() for name in variables_of(settings))}
        for name in self.toml_data:
            if name not in known:
                problem = f"{path}, line {line_of(_text_of(path), name)}: there is no setting {name!r}"
                is_section = isinstance(self.toml_data[name], dict)
                raise ConfigError(problem, NO_SECTIONS if is_section else suggest(name, known))

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        try:
            return tomllib.loads(_text_of(file_path))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{file_path}: {error}", "Correct this line; strings need quotes in TOML.") from None
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            problem = f"{file_path}, line {line}: byte {error.object[error.start]:#04x} is not UTF-8"
            raise ConfigError(problem, "Save the file in UTF-8.") from None
        except OSError as error:
            raise ConfigError(f"{file_path} cannot be read: {error.strerror}", "Make it a readable file.") from None


def _text_of(path: Path | Traversable) -> str:
    """The text of a file in UTF-8, or in UTF-16 with its mark, as PowerShell writes it."""
    content = path.read_bytes()
    utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf_16 else "utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def clean_environment(environ: Mapping[str, str], variables: Collection[str]) -> dict[str, str]:
    """The environment without blanks around values, with `NAME_FILE` read into `NAME`, and without empty values."""
    values = {name: value.strip() for name, value in environ.items()}
    for name in [each for each in values if values[each] and _is_file_variant(each, variables)]:
        target = name.removesuffix("_FILE")
        if values.get(target):
            raise ConfigError(f"both {target} and {name} are set", "Set one of them.")
        try:
            values[target] = Path(values[name]).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise ConfigError(f"{name}: cannot read {values[name]}: {reason}", "Name a readable text file.") from None
        if not values[target]:
            raise ConfigError(f"{name}: {values[name]} is empty", f"Write the value into it, or do not set {name}.")
        del values[name]
    return {name: value for name, value in values.items() if value}


def export_secrets(environ: MutableMapping[str, str], names: Collection[str]) -> None:
    """Read `NAME_FILE` into `NAME` for what libraries take from the environment by themselves."""
    given = {name: value for name, value in environ.items() if name.removesuffix("_FILE") in names}
    for name, value in clean_environment(given, names).items():
        environ[name] = value
        environ.pop(f"{name}_FILE", None)


def variables_of(settings: type[BaseSettings]) -> dict[str, str]:
    """The environment variables of the settings, with the setting that each one sets."""
    return {_variable(name, field): name for name, field in settings.model_fields.items()}


def origin_of(
    settings: type[BaseSettings],
    setting: str,
    chosen: Collection[str],
    path: Path,
    *,
    part: str = "",
    row: int | None = None,
) -> str:
    """Where a setting was given: an option, a variable, or a line of the file at `path`; empty for its default.

    `row` is a place in a list of tables, `part` a key in the setting's table, whose line is given if it is found.
    """
    if setting in chosen:
        return f"--{setting.replace('_', '-')}"
    for variable, name in variables_of(settings).items():
        found = [each for each in os.environ if os.environ[each].strip() and _belongs(each.upper(), variable)]
        if name == setting and found:
            return min(found)
    if path.is_file():
        with contextlib.suppress(UnicodeDecodeError):
            return _line_in(path, _text_of(path), setting, part, row)
    return ""


def _line_in(path: Path, text: str, setting: str, part: str, row: int | None) -> str:
    if row is not None and (line := _line_in_row(text, setting, row, part)):
        return f"{path}, line {line}"
    if line := line_of(text, setting):
        return f"{path}, line {line_of(text, part, line) or line}"
    return ""


def _line_in_row(text: str, setting: str, row: int, part: str) -> int:
    """The line of a key in the `row`-th `[[setting]]`, or else of its head; 0 if there is no such table."""
    lines = text.splitlines()
    heads = [number for number, line in enumerate(lines, 1) if _head_of(line) is not None]
    rows = [number for number in heads if _head_of(lines[number - 1]) == f"[[{setting}]]"]
    if row >= len(rows):
        return 0
    end = next((number for number in heads if number > rows[row]), len(lines) + 1)
    line = line_of(text, part, rows[row])
    return line if rows[row] < line < end else rows[row]


def _head_of(line: str) -> str | None:
    """`[[name]]` or `[name]` without blanks and comment; None for a line that begins no table."""
    head = re.fullmatch(r"\s*(\[\[?[^\[\]]+\]?\])\s*(#.*)?", line)
    return re.sub(r"\s", "", head[1]) if head else None


def line_of(text: str, setting: str, after: int = 0) -> int:
    """The first line of TOML behind line `after` where a setting or its table begins; 0 if there is none."""
    if not setting:
        return 0
    begins = re.compile(rf"\s*(\[+\s*)?[\"']?{re.escape(setting)}[\"']?\s*[=.\]]")
    return next((n for n, line in enumerate(text.splitlines(), 1) if n > after and begins.match(line)), 0)


def _check_variables(environ: Mapping[str, str], variables: Collection[str]) -> None:
    for name in environ:
        if not name.upper().startswith(PREFIX) or name in _CLIENT_VARIABLES or _FOREIGN.fullmatch(name):
            continue
        known = any(_belongs(name.upper(), variable) for variable in variables)
        if not known and environ[name].strip():
            raise ConfigError(f"there is no setting {name}", suggest(name, variables))


def _belongs(name: str, variable: str) -> bool:
    """Whether `name` sets `variable`: directly, as `variable__KEY` or as `variable_FILE`."""
    return name in {variable, f"{variable}_FILE"} or name.startswith(f"{variable}__")


def _is_file_variant(name: str, variables: Collection[str]) -> bool:
    target = name.removesuffix("_FILE")
    return name.endswith("_FILE") and name not in variables and any(_belongs(target, each) for each in variables)


def _variable(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else PREFIX + name.upper()


NO_SECTIONS = "Settings stand at the top of the file, in no table; tables are [provider.NAME], [[model]] and [[route]]."


def suggest(name: str, known: Collection[str]) -> str:
    """The closest name, whatever the case of `name` and whether it stands with or without `LIMNER_`."""
    by_form = {_form(each): each for each in sorted(known, key=len, reverse=True)}  # the shorter name of two stays
    close = difflib.get_close_matches(_form(name), by_form, n=1, cutoff=0.6)
    return f"Did you mean {by_form[close[0]]}?" if close else "See the configuration page, or `limner config show`."


def _form(name: str) -> str:
    return name.lower().removeprefix(PREFIX.lower()).replace("-", "_")
