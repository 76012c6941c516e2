"""`limner credits`: the credits of accounts, and a check of the ledger."""

from collections.abc import Sequence
from typing import Annotated

import typer

from limner.cli.terminal import LOCAL, Account, Data, Json, err, out, print_json, table, when, with_limner
from limner.db.records import Records
from limner.db.tables.ledger import LedgerRow
from limner.domain.accounts.credits import Balance

app = typer.Typer(help="Credits: grant them, look at them, prove them.", no_args_is_help=True)


@app.command("grant", context_settings={"ignore_unknown_options": True})
def grant(
    amount: Annotated[int, typer.Argument(help="How many; a negative number takes back.")],
    account: Account = LOCAL,
    note: Annotated[str | None, typer.Option("--note", help="The reason, kept in the ledger.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Give credits to an account."""
    has = with_limner(data, lambda limner: limner.accounts.grant(account, amount, note), json=json)
    if json:
        print_json({"account": account, "balance": has.available, "frozen": has.frozen})
    else:
        out.print(f"{account} has {has.available} credits, and {has.frozen} held for tasks under way.")


@app.command("show")
def show(
    account: Account = LOCAL,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many of the last rows.")] = 20,
    data: Data = None,
    json: Json = False,
) -> None:
    """Show an account's balance and its last ledger rows."""
    from limner.application.accounts.manage import named

    def work(records: Records) -> tuple[Balance, Sequence[LedgerRow]]:
        found = named(records, account)
        return records.accounts.balance(found.id), records.ledger.of(found.id, limit)

    has, rows = with_limner(data, lambda limner: limner.store.read(work), json=json)
    if json:
        print_json({"account": account, "balance": has.available, "frozen": has.frozen, "ledger": rows})
        return
    out.print(f"{account} has {has.available} credits, and {has.frozen} held for tasks under way.\n")
    shown = [(when(r.at_ms), r.movement, f"{r.available:+d}", f"{r.frozen:+d}", r.task or r.note) for r in rows]
    table("WHEN", "MOVEMENT", "CREDITS", "HELD", "TASK OR NOTE", rows=shown, empty="Nothing has moved yet.")


@app.command("prove")
def prove(data: Data = None, json: Json = False) -> None:
    """Recompute every balance from the ledger, and every task's passage through it."""
    faults = with_limner(
        data, lambda limner: limner.store.read(lambda records: records.ledger.inconsistencies()), json=json
    )
    if json:
        print_json({"proved": not faults, "faults": faults})
    elif not faults:
        out.print("Proved: every balance is the sum of its rows, every finished task nets to what it cost.")
    for fault in [] if json else faults:
        err.print(f"[red]{fault}[/]", soft_wrap=True)
    if faults:
        raise typer.Exit(1)
