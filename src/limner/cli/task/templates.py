"""`limner templates`: the presets a request may name."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from limner.cli.terminal import Data, Json, out, print_json, run_command, settings_for, table, with_limner

if TYPE_CHECKING:
    from limner.bootstrap import Limner
    from limner.ports.templates import Templates

app = typer.Typer(help="Templates: presets of words and pictures.", no_args_is_help=True)


@app.command("list")
def list_templates(
    account: Annotated[str | None, typer.Option("--account", help="Those of this account, too.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """List the templates at hand."""
    found = list(_usable(account, data, json=json).values())
    if json:
        print_json([{**asdict(each.template), "version": each.version} for each in found])
        return
    rows = [(t.slug, t.title, t.aspect_ratio, len(t.pictures), t.summary) for t in (each.template for each in found)]
    table("TEMPLATE", "TITLE", "SHAPE", "PICTURES", "WHAT IT DOES", rows=rows, empty="No templates.")


def _usable(account: str | None, data: Data, *, json: bool) -> "Templates":
    """The templates of the folders; with an account, those that its tasks may name."""
    from limner.application.accounts.manage import named
    from limner.templates.loader import load_templates

    if account is None:
        settings = settings_for(data, json=json)
        return load_templates(*([settings.templates] if settings.templates else []))

    async def work(limner: "Limner") -> "Templates":
        owner = await limner.store.read(lambda records: named(records, account).id)
        return await limner.account_templates.of(owner)

    return with_limner(data, work, json=json)


@app.command("show")
def show(
    slug: Annotated[str, typer.Argument(help="The template's name; - and _ are the same.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Show one template in full."""
    from limner.domain.prompts.template import named_template
    from limner.templates.loader import load_templates

    settings = settings_for(data, json=json)
    found = load_templates(*([settings.templates] if settings.templates else []))
    loaded = run_command(lambda: named_template(slug, found), json=json)
    if json:
        print_json({**asdict(loaded.template), "version": loaded.version, "files": [str(p) for p in loaded.pictures]})
        return
    template = loaded.template
    out.print(f"[bold]{template.title}[/] ({template.slug}, version {loaded.version})\n{template.summary}\n")
    out.print(escape(template.text) + "\n", soft_wrap=True)
    for picture, path in zip(template.pictures, loaded.pictures, strict=True):
        out.print(f"{picture.name}: {escape(picture.role)}\n  {escape(str(path))}", soft_wrap=True)
