"""The command and its families. Each command imports what it needs when it runs: `limner --help` is instant."""

from typing import Annotated

import typer

from limner import __version__
from limner.cli.account import accounts, keys, studio, webhooks
from limner.cli.account import credits as credits_
from limner.cli.operations import (
    audit,
    backup,
    config,
    db,
    doctor,
    models,
    provenance,
    providers,
    prune,
    spend,
    top,
    vendors,
)
from limner.cli.serving import mcp, serve, worker
from limner.cli.systemd import install as services
from limner.cli.task import account_templates, detect, generate, library, replay, tasks, templates
from limner.cli.terminal import out

app = typer.Typer(
    name="limner",
    help="A self-hosted image-generation service: one durable task API over many image models.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"limner {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A self-hosted image-generation service: one durable task API over many image models."""


app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("mcp")(mcp.mcp)
app.command("generate")(generate.generate)
app.command("detect")(detect.detect)
app.command("models")(models.models)
app.command("spend")(spend.spend)
app.command("top")(top.top)
app.command("audit")(audit.audit)
app.command("replay")(replay.replay)
app.command("doctor")(doctor.doctor)
app.command("prune")(prune.prune)
app.add_typer(accounts.app, name="accounts")
app.add_typer(keys.app, name="keys")
app.add_typer(credits_.app, name="credits")
app.add_typer(studio.app, name="studio")
app.add_typer(tasks.app, name="tasks")
tasks.app.command("keep")(library.keep)
tasks.app.command("unkeep")(library.unkeep)
tasks.app.command("lineage")(library.lineage)
templates.app.command("import")(account_templates.import_folder)
templates.app.command("export")(account_templates.export_folder)
templates.app.command("versions")(account_templates.versions)
templates.app.command("remove")(account_templates.remove)
templates.app.command("share")(account_templates.share)
templates.app.command("unshare")(account_templates.unshare)
app.add_typer(templates.app, name="templates")
app.add_typer(providers.app, name="providers")
app.add_typer(services.app, name="service")
app.add_typer(db.app, name="db")
app.add_typer(backup.app, name="backup")
app.add_typer(provenance.app, name="provenance")
app.add_typer(config.app, name="config")
app.add_typer(vendors.app, name="vendors")
app.add_typer(webhooks.app, name="webhooks")
