"""`limner config`: the settings in effect, where each comes from, and what is wrong with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import BaseModel, SecretStr

from limner.cli.terminal import Data, Json, err, out, print_json, settings_for, table

if TYPE_CHECKING:
    from limner.settings import Settings

app = typer.Typer(help="The configuration: show it, check it.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting in effect. Secrets are shown as asterisks; `origin` is empty for a default."""

    setting: str
    value: Any
    origin: str


@app.command("show")
def show(
    every: Annotated[bool, typer.Option("--all", help="Show settings with their default value, too.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Show the settings that are not defaults, and the option, variable or line that sets each. Secrets are masked."""
    found = [each for each in _shown(settings_for(data, json=json), data) if every or each.origin]
    if json:
        print_json(found)
        return
    rows = [(each.setting, _text(each.value), each.origin or "default") for each in found]
    table("SETTING", "VALUE", "FROM", rows=rows, empty="Every setting has its default; see --all.")


@app.command("check")
def check(data: Data = None, json: Json = False) -> None:
    """Check the configuration without starting anything. Exits with 2 when it cannot be used."""
    from limner.settings import config_path

    settings = settings_for(data, json=json)
    path = config_path(config=settings.config, data=settings.data)
    used = str(path) if path.is_file() else None
    if json:
        print_json({"ok": True, "file": used, "data": str(settings.data)})
        return
    out.print(f"The configuration is valid. Data folder: {settings.data}", soft_wrap=True, markup=False)
    err.print(f"Read {used}." if used else f"There is no {path}; that is fine.", soft_wrap=True, markup=False)


def _shown(settings: "Settings", data: Path | None) -> list[ShownSetting]:
    from limner.config_sources import origin_of
    from limner.settings import Settings, config_path

    path = config_path(config=settings.config, data=settings.data)
    chosen = {"data"} if data else set()
    return [
        ShownSetting(name, _masked(getattr(settings, name)), origin_of(Settings, name, chosen, path))
        for name in type(settings).model_fields
    ]


def _masked(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, BaseModel):
        shown = {name: _masked(getattr(value, name)) for name in type(value).model_fields}
        return {name: each for name, each in shown.items() if each not in (None, {}, [])}
    if isinstance(value, dict):
        return {name: _masked(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return _without_password(value) if isinstance(value, str) else value


def _without_password(text: str) -> str:
    from urllib.parse import urlsplit

    password = urlsplit(text).password if "://" in text else None
    return text.replace(f":{password}@", ":********@") if password else text


def _text(value: Any) -> str:
    return "" if value is None else str(value)
