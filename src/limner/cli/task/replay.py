"""`limner replay`: prove a migration, by playing recorded calls against a server."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from limner.cli.terminal import Json, fail, out, print_json

if TYPE_CHECKING:
    from limner.replay.player import PlayedCall
    from limner.replay.recording import RecordedCall


def replay(
    file: Annotated[Path, typer.Argument(help="A HAR file, or JSON lines.", exists=True, dir_okay=False)],
    key: Annotated[str, typer.Option("--key", envvar="LIMNER_KEY", help="An API key of the server.")],
    url: Annotated[str, typer.Option("--url", help="Address of the server.")] = "http://127.0.0.1:8000",
    timeout_s: Annotated[float, typer.Option("--patience", min=0, help="Seconds a task may take to end.")] = 120,
    json: Json = False,
) -> None:
    """Send recorded calls to a server and report every difference a client could see; exits with 1 if there is one.

    Ids, tokens and addresses of the recording are replaced by those that the server gives.
    """
    from limner.replay.recording import BadRecording, read_recording

    try:
        calls = read_recording(file)
    except (BadRecording, OSError, UnicodeDecodeError) as error:
        fail(str(error), json=json, code=2)
    played = asyncio.run(_play(calls, url, key, timeout_s, quiet=json))
    different = [each for each in played if each.differences]
    if json:
        print_json({"calls": played, "different": len(different)})
    else:
        skipped = sum(each.skipped is not None for each in played)
        out.print(f"\n{len(played)} calls, {len(different)} different, {skipped} skipped")
    if different:
        raise typer.Exit(1)


async def _play(
    calls: "list[RecordedCall]", url: str, key: str, task_timeout_s: float, *, quiet: bool
) -> "list[PlayedCall]":
    from limner.replay.player import Player

    played = []
    async for each in Player(url, key, task_timeout_s).play(calls):
        played.append(each)
        if not quiet:
            _print_call(each)
    return played


def _print_call(played: "PlayedCall") -> None:
    head = f"{played.number:4} {played.method:6} {escape(played.path)}"
    if played.skipped:
        out.print(f"{head}  [yellow]skipped[/]: {played.skipped}", soft_wrap=True)
    elif not played.differences:
        out.print(f"{head}  [green]as before[/] ({played.status}, {played.took_ms} ms)", soft_wrap=True)
    else:
        out.print(f"{head}  [red]different[/]", soft_wrap=True)
        for each in played.differences:
            out.print(f"            {escape(each)}", soft_wrap=True)
