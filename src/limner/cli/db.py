"""`limner db`: the database's schema."""

import typer

from limner.cli.terminal import Data, Json, out, print_json, set_up, settings_for

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command("upgrade")
def upgrade(data: Data = None, json: Json = False) -> None:
    """Bring the database to the schema of this version. `serve` and `worker` do the same when they start."""
    from limner.bootstrap import prepare_data
    from limner.db.migrate import HEAD

    settings = settings_for(data)
    with set_up(json=json):
        done = prepare_data(settings)
    if json:
        print_json({"schema": HEAD, "done": done})
    else:
        out.print(
            {"created": f"Created the tables, schema {HEAD}.", "current": f"Nothing to do: schema {HEAD}."}.get(
                done, f"Upgraded to schema {HEAD}."
            )
        )
