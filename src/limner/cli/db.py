"""`limner db`: the database's schema."""

import typer

from limner.cli.terminal import Data, Json, out, print_json, settings_for

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command("upgrade")
def upgrade(data: Data = None, json: Json = False) -> None:
    """Bring the database to the schema of this version. `serve` and `worker` do the same when they start."""
    from limner.bootstrap import prepare_data
    from limner.db.migrate import HEAD

    done = prepare_data(settings_for(data))
    if json:
        print_json({"schema": HEAD, "done": done})
    else:
        out.print(
            {"created": f"Created the tables, schema {HEAD}.", "current": f"Nothing to do: schema {HEAD}."}.get(
                done, f"Upgraded to schema {HEAD}."
            )
        )
