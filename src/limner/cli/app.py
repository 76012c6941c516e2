"""The command and its families. A command is imported when it is named, and imports what it needs when it runs."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from limner import __version__
from limner.cli.imported_commands import ImportedCommands

COMMANDS = {
    "serve": "serving.serve",
    "worker": "serving.worker",
    "mcp": "serving.mcp",
    "generate": "task.generate",
    "detect": "task.detect",
    "models": "operations.models",
    "spend": "operations.spend",
    "top": "operations.top",
    "audit": "operations.audit",
    "replay": "task.replay",
    "doctor": "operations.doctor",
    "prune": "operations.prune",
}
"""The module of each command, whose function has its name."""

FAMILIES = {
    "accounts": ("account.accounts",),
    "keys": ("account.keys",),
    "credits": ("account.credits",),
    "studio": ("account.studio",),
    "tasks": ("task.tasks", "task.library"),
    "templates": ("task.templates", "task.account_templates"),
    "providers": ("operations.providers",),
    "service": ("systemd.install",),
    "db": ("operations.db",),
    "backup": ("operations.backup",),
    "provenance": ("operations.provenance",),
    "config": ("operations.config",),
    "vendors": ("operations.vendors",),
    "webhooks": ("account.webhooks",),
    "moderation": ("account.moderation",),
}
"""The modules of each family: the one with its `app`, and those with more of its commands."""


class _Commands(TyperGroup):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = ImportedCommands(COMMANDS, FAMILIES)

    def list_commands(self, _ctx: Any) -> list[str]:
        """The names alone: typer makes the commands, too."""
        return list(self.commands)


app = typer.Typer(
    name="limner",
    help="A self-hosted image-generation service: one durable task API over many image models.",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"limner {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A self-hosted image-generation service: one durable task API over many image models."""
