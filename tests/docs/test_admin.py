"""The table of `/admin` against the routes, and against the commands."""

import re
from pathlib import Path
from typing import Any

import typer.main

from limner.cli.app import app

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "admin.md").read_text()


def commands(command: Any, path: str = "limner") -> set[str]:
    inner = getattr(command, "commands", {})
    return {each for name, one in inner.items() for each in commands(one, f"{path} {name}")} or {path}


def test_every_command_has_its_call_or_a_reason_for_none() -> None:
    named = {each for each in re.findall(r"`(limner [a-z -]+?)(?: --[^`]*)?`", PAGE) if "--" not in each}

    assert commands(typer.main.get_command(app)) - named == set()
