"""`limner keys`: what a client shows to be let in."""

from typing import Annotated

import typer

from limner.application.accounts import SCOPES
from limner.cli.terminal import LOCAL, Account, Data, Json, err, out, print_json, table, when, with_limner
from limner.domain.ids import KeyId
from limner.ports.records import Key, Records

app = typer.Typer(help="API keys of accounts.", no_args_is_help=True)


@app.command("create")
def create(
    account: Account = LOCAL,
    name: Annotated[str, typer.Option("--name", help="What the key is for.")] = "key",
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help=f"One of {', '.join(SCOPES)}; may be repeated.")
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Create a key. It is shown once and never again."""
    scopes = tuple(scope or ("generate", "read"))
    made = with_limner(data, lambda limner: limner.accounts.create_key(account, name, scopes), json=json)
    if json:
        print_json({"key": made.secret, "account": account, "id": made.key.id, "scopes": scopes})
    else:
        out.print(made.secret, soft_wrap=True)
        err.print("Keep it: it is not shown again.")


@app.command("list")
def list_keys(account: Account = LOCAL, data: Data = None, json: Json = False) -> None:
    """List an account's keys, without their secrets."""
    from limner.application.accounts import named

    def work(records: Records) -> list[Key]:
        return list(records.keys.of(named(records, account).id))

    found = with_limner(data, lambda limner: limner.store.read(work), json=json)
    if json:
        print_json(found)
        return
    shown = [(k.id, f"{k.hint}…", k.name, ", ".join(k.scopes), when(k.created_ms), when(k.revoked_ms)) for k in found]
    table("ID", "KEY", "NAME", "SCOPES", "CREATED", "REVOKED", rows=shown, empty="No keys yet: limner keys create")


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `limner keys list` shows it.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Revoke a key; a running server stops taking it within two seconds."""
    revoked = with_limner(data, lambda limner: limner.accounts.revoke_key(KeyId(key_id)), json=json)
    if json:
        print_json({"id": key_id, "revoked": revoked})
    elif revoked:
        out.print("Revoked.")
    if not revoked:
        err.print("There is no such key in force. `limner keys list` shows the ids.")
        raise typer.Exit(1)
