"""`limner accounts`: who may use the service."""

from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.terminal import Data, Json, out, print_json, table, when, with_limner

if TYPE_CHECKING:
    from limner.bootstrap import Limner
    from limner.ports.records import Account, Records

app = typer.Typer(help="Accounts: who may use the service.", no_args_is_help=True)


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="A name of your choice, in lower case.")],
    opening: Annotated[int, typer.Option("--credits", min=0, help="Credits to begin with.")] = 0,
    tasks: Annotated[
        int | None, typer.Option("--tasks", min=0, help="How many image tasks it may have queued or running.")
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Create an account."""

    async def work(limner: "Limner") -> "Account":
        account = await limner.accounts.create(name, opening)
        if tasks is not None:
            await limner.store.run(lambda records: records.accounts.set_limit(account.id, "image", tasks))
        return account

    account = with_limner(data, work, json=json)
    if json:
        print_json({"account": account.name, "id": account.id, "credits": opening})
    else:
        out.print(f"Created account {account.name} with {opening} credits. Next: limner keys create --account {name}")


@app.command("list")
def list_accounts(data: Data = None, json: Json = False) -> None:
    """List the accounts and their credits."""

    def rows(records: "Records") -> "list[tuple[Account, int, int]]":
        accounts = records.accounts.all()
        balances = [records.accounts.balance(each.id) for each in accounts]
        return [(each, has.available, has.frozen) for each, has in zip(accounts, balances, strict=True)]

    found = with_limner(data, lambda limner: limner.store.read(rows), json=json)
    if json:
        print_json([{"account": a.name, "id": a.id, "balance": has, "frozen": held} for a, has, held in found])
        return
    shown = [(a.name, has, held, when(a.created_ms)) for a, has, held in found]
    table("ACCOUNT", "CREDITS", "HELD", "CREATED", rows=shown, empty="No accounts yet: limner accounts create NAME")


@app.command("limit")
def limit(
    name: Annotated[str, typer.Argument(help="Name of the account.")],
    tasks: Annotated[int, typer.Argument(min=0, help="How many image tasks it may have queued or running.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Set how many image tasks an account may have under way."""
    from limner.application.accounts import named

    def work(records: "Records") -> None:
        records.accounts.set_limit(named(records, name).id, "image", tasks)

    with_limner(data, lambda limner: limner.store.run(work), json=json)
    if json:
        print_json({"account": name, "tasks": tasks})
    else:
        out.print(f"{name} may have {tasks} image tasks queued or running.")
