"""`limner serve`: the API, and a worker beside it in the same process."""

import os
import resource
import shlex
import socket
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from limner import __version__
from limner.cli.event_loop.run_loop import run_loop
from limner.cli.serving.allocator import return_freed_memory
from limner.cli.serving.systemd import inherited_listener, notify, watched
from limner.cli.terminal import LOCAL, Data, err, fail, print_json, settings_for, startup_errors

if TYPE_CHECKING:
    from limner.bootstrap import Limner
    from limner.cli.serving.uvicorn_server import Tls
    from limner.settings import Settings

FIRST_CREDITS = 10_000

FIRST_KEY_FILE = "first-key"
"""In the data folder: the first key, where there is no terminal to show it on."""

OTHER_FILES = 512
"""File descriptors reserved for the database, pictures and calls to vendors."""

TRUSTED_BY = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
"""Variables by which Python and curl, Python's requests, the AWS tools and Node trust a certificate authority."""


@dataclass(frozen=True, slots=True)
class FirstAccount:
    """The account and key that the first start created."""

    account: str
    credits: int
    key: str


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on. Default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on; 0 takes a free one.")] = None,
    api_only: Annotated[bool, typer.Option("--api-only", help="Accept tasks; leave running them to workers.")] = False,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", help="Serve HTTPS with this certificate, a PEM file with its chain.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="The certificate's key, a PEM file.")] = None,
    tls_local: Annotated[
        bool, typer.Option("--tls-local", help="Serve HTTPS with a certificate made here, for this machine's names.")
    ] = False,
    data: Data = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON line when ready, for programs.")] = False,
) -> None:
    """Serve the API and run tasks."""
    from limner.bootstrap import prepare_data
    from limner.telemetry.logs import configure_logs

    return_freed_memory()
    settings = settings_for(
        data, json=json, host=host, port=port, tls_cert=tls_cert, tls_key=tls_key, tls_local=tls_local or None
    )
    configure_logs(settings.log_format, settings.log_level, settings.secrets)
    listener = _listen(settings, json=json)
    host, port = listener.getsockname()[:2]
    settings = settings.model_copy(update={"port": port} | ({"host": host} if "LISTEN_PID" in os.environ else {}))
    with startup_errors(json=json):
        prepare_data(settings)
        tls = _tls(settings, json=json)
    run_loop(_serve(settings, listener, tls, with_worker=not api_only, json=json))


async def _serve(
    settings: "Settings", listener: socket.socket, tls: "Tls | None", *, with_worker: bool, json: bool
) -> None:
    import structlog

    from limner.asgi import application
    from limner.bootstrap import build
    from limner.cli.serving.garbage import exempt_startup_objects
    from limner.cli.serving.http_connection import ConnectionTimeouts
    from limner.cli.serving.uvicorn_server import UvicornServer

    log = structlog.get_logger()
    with startup_errors(json=json):
        limner = build(settings, measured=True)
    welcome = await ensure_first_account(limner)
    studio = await _studio_link(limner) if sys.stderr.isatty() and not json else None
    worker = limner.worker() if with_worker else None
    with startup_errors(json=json):
        app = application(limner, worker=worker)

    async def drain() -> None:
        app.state.drain()
        notify("STOPPING=1")
        log.info("server stopping", running_tasks=len(worker.running) if worker else 0)
        if worker:
            _announce_drain(len(worker.running), settings.drain_s, json=json)
            await worker.stop()

    timeouts = ConnectionTimeouts(settings.slow_client_s, _max_connections(settings.connections))

    def ready() -> None:
        exempt_startup_objects()
        _announce(settings, welcome, limner.routing.vendors(), json=json)
        if not json:
            _announce_studio(settings, studio)
        notify("READY=1", f"STATUS=Serving at {settings.resolved_public_url}")
        log.info("server started", version=__version__, url=settings.resolved_public_url, worker=with_worker)

    server = UvicornServer(app, ready, timeouts, tls, drain)
    async with watched():
        await server.serve(sockets=[listener])
    log.info("server stopped")


def _tls(settings: "Settings", *, json: bool) -> "Tls | None":
    """The certificate to serve HTTPS with, created first with `tls_local`; None for plain HTTP."""
    from limner.cli.serving.uvicorn_server import Tls

    if settings.tls_cert and settings.tls_key:
        tls = Tls(settings.tls_cert, settings.tls_key)
    elif settings.tls_local:
        tls = _local_tls(settings, json=json)
    else:
        return None
    tls.check()
    return tls


def _local_tls(settings: "Settings", *, json: bool) -> "Tls":
    from limner.cli.serving.local_tls import local_tls
    from limner.cli.serving.uvicorn_server import Tls

    folder = settings.data.resolve() / "tls"
    made = local_tls(folder, settings.host, settings.resolved_public_url, datetime.now(UTC))
    if not json:
        if made.made:
            err.print("Made a certificate for this machine's names.")
        err.print("Clients trust it once these are in their environment:\n")
        for variable in TRUSTED_BY:
            err.print(f"  export {variable}={shlex.quote(str(made.authority))}", soft_wrap=True)
        err.print()
    return Tls(made.cert, made.key)


def _announce(settings: "Settings", welcome: FirstAccount | None, vendors: set[str], *, json: bool) -> None:
    url = settings.resolved_public_url
    if json:
        made = {"account": welcome.account, "key": welcome.key} if welcome else {}
        trust = {"authority": str(settings.data.resolve() / "tls" / "authority.pem")} if settings.tls_local else {}
        print_json({"ready": True, "url": url, "data": str(settings.data), **made, **trust})
        return
    if welcome:
        _announce_key(settings, welcome)
    if vendors:
        err.print(f"Vendors: {', '.join(sorted(vendors))}.")
    elif settings.engine == "builtin":
        err.print("No vendor is configured: the built-in engine serves every model. It composes, it does not generate.")
    err.print(f"Limner is ready at [bold]{url}[/], API under /v2/openapi, documentation at /docs.", soft_wrap=True)


async def _studio_link(limner: "Limner") -> str | None:
    """The path of a link that signs a browser in to the local account; None where there is no such account."""
    from limner.application.accounts.sign_in import OPERATOR_SCOPES
    from limner.domain.refusal import Refusal

    try:
        return f"/studio/link/{await limner.sign_in.make_link(LOCAL, OPERATOR_SCOPES)}"
    except Refusal:
        return None


def _announce_studio(settings: "Settings", link: str | None) -> None:
    """On a terminal, a link that signs in; elsewhere a journal may collect the output, so only where to get one."""
    if link:
        err.print(
            f"Open the Studio (this link works once, for ten minutes):\n\n  {settings.resolved_public_url}{link}\n",
            soft_wrap=True,
        )
    else:
        err.print("The Studio is at /studio; `limner studio link` prints a link that signs in.", soft_wrap=True)


def _announce_key(settings: "Settings", first: FirstAccount) -> None:
    """Print the first key on a terminal. Elsewhere a journal may collect the output, so a file holds the key."""
    created = f"Created the account [bold]{first.account}[/] with {first.credits} credits and a key"
    if sys.stderr.isatty():
        err.print(f"{created}, which is not shown again:\n\n  [bold green]{first.key}[/]\n", soft_wrap=True)
        return
    from limner.storage.new_file import create_file

    path = settings.data / FIRST_KEY_FILE
    path.unlink(missing_ok=True)  # an earlier database's
    create_file(path, f"{first.key}\n".encode())
    err.print(f"{created}. The key is in {escape(str(path))}: read it, then delete the file.", soft_wrap=True)


def _announce_drain(running_tasks: int, drain_s: float, *, json: bool) -> None:
    if running_tasks and not json:
        err.print(f"Stopping: {running_tasks} running tasks have {drain_s:g} s to finish; the rest is handed back.")
        err.print("Reads are still answered. Ctrl-C again stops at once; no task is lost.")


async def ensure_first_account(limner: "Limner") -> FirstAccount | None:
    """On an empty database, an account with credits and a key, so that the first request can be made."""
    scopes = ("generate", "read", "webhooks", "admin")
    created = await limner.accounts.create_first(LOCAL, FIRST_CREDITS, "first key", scopes)
    if created is None:
        return None
    account, key = created
    return FirstAccount(account.name, FIRST_CREDITS, key.secret)


def _max_connections(connections: int) -> int:
    """`connections`, or as many as the limit of open files allows beside the other files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = hard if hard != resource.RLIM_INFINITY else max(soft, connections + OTHER_FILES)
    wanted = min(allowed, max(soft, connections + OTHER_FILES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(1, min(connections, wanted - OTHER_FILES))


def _listen(settings: "Settings", *, json: bool) -> socket.socket:
    """The listening socket, systemd's or a new one, opened first: a busy port is told before anything else is done."""
    with startup_errors(json=json):
        if (listener := inherited_listener()) is not None:
            listener.setblocking(False)
            return listener
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        fail(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}",
            "Choose another with --port (0 takes a free one) or --host.",
            json=json,
        )
    listener.listen(2048)
    listener.setblocking(False)
    return listener
