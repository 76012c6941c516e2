"""`limner mcp`: tools for an agent on this machine, over standard input and output."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer


def mcp(
    url: Annotated[
        str | None, typer.Option(help="The server's address. Default: LIMNER_CLIENT_URL, or http://127.0.0.1:8000.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="An API key. Default: LIMNER_CLIENT_KEY.")] = None,
    credits_: Annotated[
        int | None,
        typer.Option("--credits", min=0, help="Most credits that this session may spend. Default: what the key may."),
    ] = None,
    folder: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="A folder of which the agent may name pictures; may be repeated. Default: the working folder.",
        ),
    ] = None,
) -> None:
    """Serve the tools of a server to an agent (MCP over stdio). Agents start it by themselves."""
    try:
        with _nothing_collected(), _models_built_later():
            from limner.agents.stdio import serve_stdio
    except ModuleNotFoundError as error:
        _fail(f"{error.name} is not installed", "Run `pip install limner[mcp]`.")
    try:
        serve_stdio(url, key, credits_, folder or [Path.cwd()])
    except ValueError as error:
        _fail(str(error), "Pass --url and --key, or set LIMNER_CLIENT_URL and LIMNER_CLIENT_KEY.")


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Without garbage collection: the SDK makes thousands of classes that stay, and each pass looks at all of them."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _models_built_later() -> Iterator[None]:
    """With models of Pydantic that are built when they are first used.

    The SDK defines the messages of two protocols, hundreds of models, and a session uses some of one.
    """
    from pydantic import BaseModel

    BaseModel.model_config["defer_build"] = True
    try:
        yield
    finally:
        del BaseModel.model_config["defer_build"]


def _fail(reason: str, suggestion: str) -> NoReturn:
    from limner.cli.terminal import fail  # here: it takes a tenth of a second to import

    fail(reason, suggestion, json=False)
