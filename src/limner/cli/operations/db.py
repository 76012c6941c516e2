"""`limner db`: upgrades, backups and moves of the database."""

from pathlib import Path
from typing import Annotated

import typer

from limner.cli.operations.db_move import move, reopen
from limner.cli.terminal import Data, Json, out, print_json, refuse, settings_for, startup_errors

app = typer.Typer(help="The database.", no_args_is_help=True)

app.command("move")(move)
app.command("reopen")(reopen)

_DONE = {
    "created": "Created the tables, schema {head}.",
    "upgraded": "Upgraded to schema {head}.",
    "current": "Nothing to do: schema {head}.",
    "newer": "Nothing to do: a newer Limner has upgraded the database, and this one, of schema {head}, can use it.",
}


@app.command("upgrade")
def upgrade(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Run the migrations, roll them back, and say which there are.")
    ] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Bring the database to the schema of this version. `serve` and `worker` do the same when they start.

    --dry-run locks the database for as long as the upgrade would take, and changes nothing.
    """
    from limner.bootstrap import prepare_data
    from limner.db.migrate import HEAD

    settings = settings_for(data, json=json)
    if dry_run:
        _rehearse(settings.resolved_direct_url, json=json)
        return
    with startup_errors(json=json):
        done = prepare_data(settings)
    if json:
        print_json({"schema": HEAD, "done": done})
    else:
        out.print(_DONE[done].format(head=HEAD))


def _rehearse(url: str, *, json: bool) -> None:
    from time import monotonic

    from limner.db.migrate import HEAD, rehearse

    began = monotonic()
    with startup_errors(json=json):
        mark, missing = rehearse(url)
    took = round(monotonic() - began, 1)
    if json:
        print_json({"from": mark, "to": HEAD, "migrations": missing, "seconds": took})
    elif missing:
        where = f"schema {mark}" if mark else "an empty database"
        out.print(f"From {where} to {HEAD}: {', '.join(missing)}. They succeed, in {took} s; nothing was changed.")
    else:
        out.print(f"Nothing to do: schema {HEAD}.")


@app.command("backup")
def backup(
    file: Annotated[Path, typer.Argument(help="The file to create; it must not exist.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Copy the database while the service runs. Copy the pictures and the secret after it: see the page on backups."""
    from limner.db.database_files import CopyFailed, back_up
    from limner.domain.refusal import Code, Refusal

    url = settings_for(data, json=json).resolved_direct_url
    try:
        size = back_up(url, file)
    except CopyFailed as failed:
        refuse(Refusal(Code.INVALID, str(failed), suggestion="See docs/backup.md."), json=json)
    if json:
        print_json({"file": str(file), "bytes": size})
    else:
        out.print(f"Copied the database to {file}, {size:,} bytes. Now copy the pictures, then the secret.")
