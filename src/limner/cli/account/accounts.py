"""`limner accounts`: accounts, their limits and weights."""

from typing import TYPE_CHECKING, Annotated

import typer

from limner.application.accounts.manage import named
from limner.cli.account.limit_options import FallbackTo, MaxVendorUsd, PerDay, PerMonth, numbers, rules, rules_text
from limner.cli.terminal import Data, Json, confirm, out, print_json, table, when, with_limner
from limner.domain.accounts.budgets import periods_of

if TYPE_CHECKING:
    from limner.application.retention.erase import ErasedAccount
    from limner.bootstrap import Limner
    from limner.db.records import Records
    from limner.db.tables.accounts import Account, AccountLimits
    from limner.domain.accounts.budgets import Budget

app = typer.Typer(help="Accounts, their limits and weights.", no_args_is_help=True)


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
    account = with_limner(data, lambda limner: limner.accounts.create(name, opening, tasks), json=json)
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


@app.command("erase")
def erase(
    name: Annotated[str, typer.Argument(help="Name of the account.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    by: Annotated[str | None, typer.Option("--by", help="The requester, for the receipts. Default: you.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Erase an account's name, uploads, and the words and pictures of its tasks. Keys end, figures stay."""
    confirm(f"Erase account {name} with all its tasks' words and pictures?", yes=yes, json=json)

    async def work(limner: "Limner") -> "ErasedAccount":
        erased = await limner.erase_account(name, by)
        await limner.scrub()
        return erased

    erased = with_limner(data, work, json=json)
    if json:
        print_json(erased)
    else:
        done = f"{erased.tasks} tasks, {erased.files} files of {erased.size:,} bytes"
        out.print(f"Erased {done}. The account is called {erased.name} now, and its keys are revoked.", soft_wrap=True)


@app.command("limit")
def limit(
    name: Annotated[str, typer.Argument(help="Name of the account.")],
    tasks: Annotated[int, typer.Argument(min=0, help="How many image tasks it may have queued or running.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Set how many image tasks an account may have under way."""
    with_limner(data, lambda limner: limner.accounts.limit(name, tasks), json=json)
    if json:
        print_json({"account": name, "tasks": tasks})
    else:
        out.print(f"{name} may have {tasks} image tasks queued or running.")


@app.command("budget")
def budget(
    name: Annotated[str, typer.Argument(help="Name of the account.")],
    credits_per_day: PerDay = None,
    credits_per_month: PerMonth = None,
    max_vendor_usd: MaxVendorUsd = None,
    fallback: FallbackTo = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Set and show an account's budgets, and its rules for vendors' prices. What is not named stays, `none` removes it.

    Without options, show them. A running server follows within seconds.
    """
    changes = numbers(credits_per_day=credits_per_day, credits_per_month=credits_per_month)
    chosen = changes | rules(max_vendor_usd, fallback)

    async def work(limner: "Limner") -> "tuple[AccountLimits, tuple[Budget, ...]]":
        if chosen:
            await limner.accounts.limit_spending(name, chosen)
        periods = periods_of(limner.clock.now_ms())
        return await limner.store.read(
            lambda records: (
                records.accounts.limits(named(records, name).id),
                records.accounts.budgets(named(records, name).id, periods),
            )
        )

    limits, budgets = with_limner(data, work, json=json)
    if json:
        spent = {each.period.value: each.spent for each in budgets}
        print_json({"account": name, "limits": limits, "spent": spent})
        return
    for each in budgets:
        of = "" if each.most is None else f" of {each.most}, {each.left} left"
        out.print(f"This {each.period}: {each.spent} credits{of}")
    out.print(f"Rules: {', '.join(rules_text(limits.rules)) or 'none'}")


@app.command("weigh")
def weigh(
    name: Annotated[str, typer.Argument(help="Name of the account.")],
    weight: Annotated[int, typer.Argument(min=1, max=1000, help="1 is an ordinary account's.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Set an account's share: with weight 3 its tasks are served three times as often as those of weight 1."""
    with_limner(data, lambda limner: limner.accounts.weigh(name, weight), json=json)
    if json:
        print_json({"account": name, "weight": weight})
    else:
        out.print(f"{name} has the weight {weight}. It holds for tasks accepted from now on.")
