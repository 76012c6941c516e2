"""`limner studio`: the Studio's pages."""

from typing import Annotated

import typer

from limner.cli.terminal import LOCAL, Account, Data, Json, out, print_json, with_limner

app = typer.Typer(help="The Studio: make, look at and keep pictures in a browser.", no_args_is_help=True)


@app.command("link")
def link(
    account: Account = LOCAL,
    operator: Annotated[
        bool, typer.Option("--operator", help="With the scope admin: the operator's pages too.")
    ] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Print a link that signs one browser in to an account. It works once, for ten minutes."""
    from limner.application.accounts.sign_in import OPERATOR_SCOPES, STUDIO_SCOPES
    from limner.bootstrap import Limner

    scopes = OPERATOR_SCOPES if operator else STUDIO_SCOPES

    async def work(limner: Limner) -> str:
        return f"{limner.settings.resolved_public_url}/studio/link/{await limner.sign_in.make_link(account, scopes)}"

    address = with_limner(data, work, json=json)
    if json:
        print_json({"url": address, "account": account})
    else:
        out.print(address, soft_wrap=True, markup=False)
