"""What to write instead of a setting's value that cannot be used: from the setting's type, bounds and description."""

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

TEXT = "text, which needs quotes in TOML"

_FORMS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Path: TEXT,
    SecretStr: TEXT,
    str: TEXT,
    dict: "a table, `[{name}]` in TOML or JSON in a variable",
    list: "tables, `[[{name}]]` in TOML or JSON in a variable",
    tuple: "a list",
}


def remedy_of(settings: type[BaseModel], setting: str, below: Sequence[str | int], *, missing: bool) -> str:
    """What to do about the value of `setting`, or about the one in its tables that the path `below` leads to."""
    name, field = setting, settings.model_fields.get(setting)
    for part in below:
        table = _table(field.annotation) if field else None
        if table and part in table.model_fields:
            name, field = str(part), table.model_fields[str(part)]
    if field is None:
        return "See the configuration page, or `limner config show`."
    act = f"Add {name}." if missing else f"Write {_form(name, field)}."
    return f"{act} It is: {field.description}" if field.description else act


def _form(name: str, field: FieldInfo) -> str:
    kind = _plain(field.annotation)
    if choices := _choices(kind):
        return f"one of {', '.join(choices)}"
    form = _FORMS.get(get_origin(kind) or kind, "another value").format(name=name)
    return " ".join([form, *map(_bound, field.metadata)]).strip()


def _plain(annotation: Any) -> Any:
    """`X` of `X | None`."""
    kinds = [each for each in get_args(annotation) if each is not NoneType]
    return kinds[0] if NoneType in get_args(annotation) else annotation


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is tuple:
        return _choices(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return [str(each) for each in get_args(kind)]
    return [str(each.value) for each in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []


def _bound(limit: object) -> str:
    match limit:
        case Ge(ge=least):
            return f"from {least}"
        case Gt(gt=below):
            return f"above {below}"
        case Le(le=most):
            return f"to {most}"
        case Lt(lt=above):
            return f"below {above}"
        case _:
            return ""


def _table(annotation: Any) -> type[BaseModel] | None:
    """The model of the tables in a setting that has such."""
    return next((each for each in get_args(annotation) if isinstance(each, type) and issubclass(each, BaseModel)), None)
