"""`limner db`: upgrades and backups of the database."""

from pathlib import Path
from typing import Annotated

import typer

from limner.cli.terminal import Data, Json, out, print_json, refuse, settings_for, startup_errors

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command("upgrade")
def upgrade(data: Data = None, json: Json = False) -> None:
    """Bring the database to the schema of this version. `serve` and `worker` do the same when they start."""
    from limner.bootstrap import prepare_data
    from limner.db.migrate import HEAD

    settings = settings_for(data, json=json)
    with startup_errors(json=json):
        done = prepare_data(settings)
    if json:
        print_json({"schema": HEAD, "done": done})
    else:
        out.print(
            {"created": f"Created the tables, schema {HEAD}.", "current": f"Nothing to do: schema {HEAD}."}.get(
                done, f"Upgraded to schema {HEAD}."
            )
        )


@app.command("backup")
def backup(
    file: Annotated[Path, typer.Argument(help="The file to create; it must not exist.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Copy the database while the service runs. Copy the pictures and the secret after it: see the page on backups."""
    from limner.db.database_files import CopyFailed, back_up
    from limner.domain.refusal import Code, Refusal

    url = settings_for(data, json=json).resolved_database_url
    try:
        size = back_up(url, file)
    except CopyFailed as failed:
        refuse(Refusal(Code.INVALID, str(failed), suggestion="See docs/backup.md."), json=json)
    if json:
        print_json({"file": str(file), "bytes": size})
    else:
        out.print(f"Copied the database to {file}, {size:,} bytes. Now copy the pictures, then the secret.")
