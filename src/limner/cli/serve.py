"""`limner serve`: the API, and a worker beside it in the same process."""

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.terminal import LOCAL, Data, err, print_json, run_loop, set_up, settings_for

if TYPE_CHECKING:
    from limner.bootstrap import Limner
    from limner.settings import Settings

FIRST_CREDITS = 10_000


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the first start made."""

    account: str
    credits: int
    key: str


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on. Default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on; 0 takes a free one.")] = None,
    api_only: Annotated[bool, typer.Option("--api-only", help="Accept tasks; leave running them to workers.")] = False,
    data: Data = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON line when ready, for programs.")] = False,
) -> None:
    """Serve the API and run tasks."""
    from limner.bootstrap import prepare_data
    from limner.telemetry.logs import configure_logs

    settings = settings_for(data, host=host, port=port)
    configure_logs(settings.log_format, settings.log_level)
    listener = _listen(settings)
    settings = settings.model_copy(update={"port": listener.getsockname()[1]})
    with set_up(json=json):
        prepare_data(settings)
    run_loop(_serve(settings, listener, with_worker=not api_only, json=json))


async def _serve(settings: "Settings", listener: socket.socket, *, with_worker: bool, json: bool) -> None:
    from limner.asgi import application
    from limner.bootstrap import build
    from limner.cli.listening import Listening

    with set_up(json=json):
        limner = build(settings)
    welcome = await first_start(limner)
    app = application(limner, with_worker=with_worker)
    server = Listening(app, lambda: _announce(settings, welcome, limner.routing.vendors(), json=json))
    await server.serve(sockets=[listener])


def _announce(settings: "Settings", welcome: Welcome | None, vendors: set[str], *, json: bool) -> None:
    url = settings.public_url or f"http://{settings.host}:{settings.port}"
    if json:
        made = {"account": welcome.account, "key": welcome.key} if welcome else {}
        print_json({"ready": True, "url": url, "data": str(settings.data), **made})
        return
    if welcome:
        err.print(f"Created the account [bold]{welcome.account}[/] with {welcome.credits} credits and this key,")
        err.print(f"which is not shown again:\n\n  [bold green]{welcome.key}[/]\n", soft_wrap=True)
    if vendors:
        err.print(f"Vendors: {', '.join(sorted(vendors))}.")
    elif settings.engine == "builtin":
        err.print("No vendor is configured: the built-in engine serves every model. It composes, it does not generate.")
    err.print(f"Limner is ready at [bold]{url}[/], API under /v2/openapi, documentation at /docs.", soft_wrap=True)


async def first_start(limner: "Limner") -> Welcome | None:
    """On an empty database, an account with credits and a key, so that the first request can be made."""
    if await limner.store.read(lambda records: records.accounts.all()):
        return None
    account = await limner.accounts.create(LOCAL, FIRST_CREDITS)
    made = await limner.accounts.create_key(account.name, "first key", ("generate", "read", "admin"))
    return Welcome(account.name, FIRST_CREDITS, made.secret)


def _listen(settings: "Settings") -> socket.socket:
    """The listening socket, opened first: a busy port is told before anything else is done."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        err.print(f"[red]cannot listen on {settings.host}:{settings.port}[/]: {error.strerror}")
        err.print("Choose another with --port (0 takes a free one) or --host.")
        raise typer.Exit(1) from None
    listener.listen(2048)
    listener.setblocking(False)
    return listener
