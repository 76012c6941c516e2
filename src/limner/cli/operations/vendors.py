"""`limner vendors`: the emulators, so that a whole deployment can be rehearsed without spending."""

import asyncio
import contextlib
import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.event_loop.run_loop import run_loop
from limner.cli.terminal import err, fail, out, print_json

if TYPE_CHECKING:
    from limner_vendors import EmulatedSpeed, Vendors

app = typer.Typer(help="Emulated vendors, for rehearsing without spending.", no_args_is_help=True)

FIRST_PORT = 9500


@app.command()
def serve(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_000, help="First of the ports to listen on; 0 takes free ones.")
    ] = FIRST_PORT,
    only: Annotated[str, typer.Option("--only", help="Names of vendors, separated by commas. Default: all.")] = "",
    slow: Annotated[float, typer.Option("--slow", min=0, help="Seconds that every picture takes.")] = 0.0,
    books: Annotated[
        Path | None, typer.Option("--books", help="Keep purchases and violations in this file, a JSON line each.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object when ready, for programs.")] = False,
) -> None:
    """Run the vendors' emulators until Ctrl-C, and print the environment that points Limner at them."""
    try:
        from limner_vendors import NAMES, EmulatedSpeed
    except ModuleNotFoundError:
        fail("the emulators are not installed", "Install them: pip install 'limner[vendors]'", json=json)

    names = [name for name in only.split(",") if name] or list(NAMES)
    if unknown := [name for name in names if name not in NAMES]:
        fail(f"there is no emulator {unknown[0]!r}", f"There are {', '.join(NAMES)}.", json=json, code=2)
    try:
        run_loop(_serve(names, port, EmulatedSpeed(seconds=slow), books, json=json))
    except OSError as error:
        fail(f"the emulators cannot start: {error}", "Choose other ports with --port; 0 takes free ones.", json=json)


async def _serve(names: list[str], port: int, speed: "EmulatedSpeed", books: Path | None, *, json: bool) -> None:
    from limner_vendors import Vendors

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends the loop itself
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Vendors.running(names, records=books, speed=speed, port=port) as emulators:
        _announce(emulators, json=json)
        await stop.wait()


def _announce(emulators: "Vendors", *, json: bool) -> None:
    environment = emulators.environment()
    addresses = {name: emulators.base_url(name) for name in emulators.names}
    if json:
        print_json({"ready": True, "environment": environment, "base_urls": addresses})
        return
    for name, value in environment.items():
        out.print(f"export {name}={shlex.quote(value)}", soft_wrap=True, markup=False)
    err.print("\nThe emulators are ready. Set this environment where Limner runs; Ctrl-C ends them.")
    for name, url in addresses.items():
        err.print(f"  {name:<11} {url}", soft_wrap=True)
