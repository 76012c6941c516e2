"""`limner templates import`, `export`, `versions`, `remove`, `share`: templates of accounts."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.task.templates import app
from limner.cli.terminal import LOCAL, Account, Data, Json, out, print_json, table, when, with_limner
from limner.domain.refusal import Code, Refusal

if TYPE_CHECKING:
    from limner.bootstrap import Limner
    from limner.db.tables.library.templates import TemplateVersion
    from limner.domain.ids import AccountId

Slug = Annotated[str, typer.Argument(help="The template's name; - and _ are the same.")]
Folder = Annotated[Path, typer.Argument(help="The template's folder, with template.toml and pictures.")]
Guest = Annotated[str, typer.Option("--with", help="Name of the other account.")]


@app.command("import")
def import_folder(
    folder: Folder,
    account: Account = LOCAL,
    name: Annotated[str | None, typer.Option("--name", help="Another name than the folder's.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Add a template to an account, or a new version of it, from a folder."""

    async def work(limner: "Limner") -> "TemplateVersion":
        slug = name or folder.resolve().name
        return await limner.account_templates.add(
            await _id(limner, account), slug, _read(folder), limner.accounts.actor
        )

    added = with_limner(data, work, json=json)
    if json:
        print_json(added)
    else:
        out.print(f"Template {added.slug} of account {account} has version {added.version}.")


@app.command("export")
def export_folder(slug: Slug, folder: Folder, account: Account = LOCAL, data: Data = None, json: Json = False) -> None:
    """Write a template of an account to a folder. Imported again, it is the same version."""

    async def work(limner: "Limner") -> "TemplateVersion":
        found, files = await limner.account_templates.files(await _id(limner, account), slug)
        _write(folder, files)
        return found

    found = with_limner(data, work, json=json)
    if json:
        print_json(found)
    else:
        out.print(f"Version {found.version} is in {folder}.", soft_wrap=True)


@app.command("versions")
def versions(slug: Slug, account: Account = LOCAL, data: Data = None, json: Json = False) -> None:
    """List the versions of an account's template, newest first."""

    async def work(limner: "Limner") -> "list[TemplateVersion]":
        return list(await limner.account_templates.history(await _id(limner, account), slug))

    found = with_limner(data, work, json=json)
    if json:
        print_json(found)
        return
    rows = [(each.version, when(each.created_ms), each.created_by, each.template.title) for each in found]
    table("VERSION", "MADE", "BY", "TITLE", rows=list(rows), empty="The account never had such a template.")


@app.command("remove")
def remove(slug: Slug, account: Account = LOCAL, data: Data = None, json: Json = False) -> None:
    """Remove a template of an account. Tasks that were made with it keep their version."""

    async def work(limner: "Limner") -> None:
        await limner.account_templates.remove(await _id(limner, account), slug, limner.accounts.actor)

    with_limner(data, work, json=json)
    _done("The template is removed.", json=json)


@app.command("share")
def share(slug: Slug, guest: Guest, account: Account = LOCAL, data: Data = None, json: Json = False) -> None:
    """Let another account use a template of this one."""
    _share(slug, guest, account, data, shared=True, json=json)


@app.command("unshare")
def unshare(slug: Slug, guest: Guest, account: Account = LOCAL, data: Data = None, json: Json = False) -> None:
    """Let another account use it no longer."""
    _share(slug, guest, account, data, shared=False, json=json)


def _share(slug: str, guest: str, account: str, data: Data, *, shared: bool, json: bool) -> None:
    async def work(limner: "Limner") -> None:
        await limner.account_templates.share(account, slug, guest, limner.accounts.actor, shared=shared)

    with_limner(data, work, json=json)
    verb = "may use" if shared else "may no longer use"
    _done(f"Account {guest} {verb} template {slug} of {account}.", json=json)


def _done(sentence: str, *, json: bool) -> None:
    if json:
        print_json({"done": True})
    else:
        out.print(sentence, soft_wrap=True)


async def _id(limner: "Limner", account: str) -> "AccountId":
    from limner.application.accounts.manage import named

    return await limner.store.read(lambda records: named(records, account).id)


def _read(folder: Path) -> dict[str, bytes]:
    try:
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    except OSError as error:
        raise _not_possible(folder, error) from None


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise _not_possible(folder, error) from None


def _not_possible(folder: Path, error: OSError) -> Refusal:
    return Refusal(
        Code.INVALID, f"{folder}: {error.strerror or error}", suggestion="Name another folder.", field="folder"
    )
