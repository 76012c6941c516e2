"""Commands that are imported when they are asked for: to import all takes longer than most of them run."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command_from_info, get_group
from typer.models import CommandInfo


class ImportedCommands(MutableMapping[str, Any]):
    """Click's commands by their names, each made when it is first read.

    `modules` name below `limner.cli` the module of each: of a command the one with the function of its name, of a
    family the one with its `app`, and after it those whose commands join the family.
    """

    def __init__(self, commands: Mapping[str, str], families: Mapping[str, tuple[str, ...]]) -> None:
        self._commands = commands
        self._families = families
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._family(name) if name in self._families else self._command(name)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        raise TypeError("commands stand in the tables of limner.cli.app")

    def __delitem__(self, name: str) -> None:
        raise TypeError("commands stand in the tables of limner.cli.app")

    def __iter__(self) -> Iterator[str]:
        yield from self._commands
        yield from self._families

    def __len__(self) -> int:
        return len(self._commands) + len(self._families)

    def _command(self, name: str) -> Any:
        function = getattr(import_module(f"limner.cli.{self._commands[name]}"), name)
        info = CommandInfo(name, callback=function)
        return get_command_from_info(info, pretty_exceptions_short=True, rich_markup_mode="rich")

    def _family(self, name: str) -> TyperGroup:
        first, *_ = [import_module(f"limner.cli.{each}") for each in self._families[name]]
        family: typer.Typer = first.app
        group = get_group(family)
        group.name = name
        return group
