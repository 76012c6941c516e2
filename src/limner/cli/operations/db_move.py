"""`limner db move` and `limner db reopen`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.terminal import Data, Json, confirm, err, fail, out, print_json, settings_for

if TYPE_CHECKING:
    from limner.db.move.move import Moved


def move(
    target: Annotated[
        str, typer.Argument(help="The new database, empty: postgresql://user@host/name, or sqlite:///path.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check both databases and sum up what there is; change nothing.")
    ] = False,
    keep_source: Annotated[
        bool,
        typer.Option("--keep-source", help="Leave the old database usable: for a rehearsal, not for services."),
    ] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Move the database to PostgreSQL, or back to SQLite, and prove that both hold the same. Stop the service first.

    A move that was interrupted goes on when it is called again. Afterwards no service starts on the old database.
    """
    from time import monotonic

    from limner.db.move.move import move as move_rows
    from limner.db.move.move import rehearse_move
    from limner.db.open_store import DatabaseUrlUnknown, check_url

    source = settings_for(data, json=json).resolved_direct_url
    began = monotonic()
    try:
        check_url(target)
    except DatabaseUrlUnknown as unknown:
        fail(str(unknown), "Name an empty PostgreSQL database, or a SQLite file that does not exist.", json=json)
    with _move_errors(json=json):
        if dry_run:
            moved = rehearse_move(source, target)
        else:
            moved = move_rows(
                source, target, keep_source=keep_source, on_table=_print_nothing if json else _print_table
            )
    took = round(monotonic() - began, 1)
    if json:
        print_json({"moved": not dry_run, "seconds": took, "rows": moved.rows, "facts": moved})
    else:
        _tell_of(moved, took, dry_run=dry_run)


def reopen(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False, data: Data = None, json: Json = False
) -> None:
    """Use a database again that was moved away: only where nothing was run on the new one."""
    from limner.db.move.move import reopen as reopen_database

    url = settings_for(data, json=json).resolved_direct_url
    confirm("What the new database bought meanwhile would be bought again. Was nothing run on it?", yes=yes, json=json)
    with _move_errors(json=json):
        reopened = reopen_database(url)
    if json:
        print_json({"reopened": reopened})
    else:
        out.print("Services start on it again." if reopened else "Nothing to do: it was not moved away.")


def _tell_of(moved: "Moved", took: float, *, dry_run: bool) -> None:
    sums, has = moved.tables, moved.balances
    accounts = f"accounts: {has.accounts:,}, with {has.available:,} credits and {has.frozen:,} held"
    if dry_run:
        out.print(f"Can be moved: {moved.rows:,} rows of {len(sums)} tables; {accounts}.", soft_wrap=True)
        out.print(f"From {moved.source} to {moved.target}. Nothing was changed.", soft_wrap=True)
        return
    out.print(f"Moved {moved.rows:,} rows of {len(sums)} tables in {took} s.", soft_wrap=True)
    out.print("[green]✓[/] Each table has as many rows and the same hash on both sides.", soft_wrap=True)
    out.print(f"[green]✓[/] On both sides, {accounts}, as the ledger proves.", soft_wrap=True)
    out.print(f"Now set LIMNER_DATABASE_URL to the new database: {moved.target}.", soft_wrap=True)
    out.print("Keep the secret and the pictures as they are, and start the service.", soft_wrap=True)


def _print_table(table: str, rows: int, became: str) -> None:
    if rows:
        err.print(f"{table}: {rows:,} rows {became}", soft_wrap=True)


def _print_nothing(table: str, rows: int, became: str) -> None:
    """For programs."""


@contextmanager
def _move_errors(*, json: bool) -> Iterator[None]:
    """Print the errors of a move as sentences."""
    from limner.db.engines.postgres import EncodingUnfit
    from limner.db.move.end import MoveFailed, MoveRefused

    try:
        yield
    except MoveRefused as refused:
        fail(str(refused), refused.remedy, json=json)
    except EncodingUnfit as unfit:
        fail(str(unfit), "Then name that one.", json=json)
    except MoveFailed as failed:
        fail(str(failed), "Correct that, then run the same command again: what was moved stays.", json=json)
    except KeyboardInterrupt:
        err.print("Stopped. Run the same command again: what was moved stays, and the old database is unchanged.")
        raise typer.Exit(130) from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in {"psycopg", "sqlite3"}:
            raise
        fail(f"a database cannot be used: {error}", "Check its address; then run the same command again.", json=json)
