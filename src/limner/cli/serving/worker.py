"""`limner worker`: runs tasks that a server elsewhere accepts."""

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

from limner.cli.event_loop.run_loop import run_loop
from limner.cli.serving.allocator import return_freed_memory
from limner.cli.serving.systemd import notify, watched
from limner.cli.terminal import Data, Json, err, print_json, settings_for, startup_errors

if TYPE_CHECKING:
    from limner.bootstrap import Limner
    from limner.settings import Settings
    from limner.worker.worker import Worker


def worker(data: Data = None, json: Json = False) -> None:
    """Run tasks until stopped. Any number of workers may share a database."""
    from limner.bootstrap import prepare_data
    from limner.telemetry.logs import configure_logs

    return_freed_memory()
    settings = settings_for(data, json=json)
    configure_logs(settings.log_format, settings.log_level, settings.secrets)
    with startup_errors(json=json):
        prepare_data(settings)
    run_loop(_work(settings, json=json))


async def _work(settings: "Settings", *, json: bool) -> None:
    import structlog

    from limner import __version__
    from limner.bootstrap import build
    from limner.cli.serving.garbage import exempt_startup_objects

    log = structlog.get_logger()
    with startup_errors(json=json):
        limner = build(settings, measured=True)
    running = limner.worker()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _stop_or_exit, stop)
    limner.signals.start()
    if limner.measuring:
        with startup_errors(json=json):
            await limner.measuring.start(limner.read_overview())
    running.start()
    exempt_startup_objects()
    notify("READY=1", "STATUS=Running tasks")
    log.info("worker started", version=__version__, worker=running.dispatcher.owner)
    if json:
        print_json({"ready": True, "worker": running.dispatcher.owner})
    else:
        err.print("The worker runs. Ctrl-C stops it after its running tasks.")
    async with watched():
        with contextlib.suppress(asyncio.CancelledError):
            await stop.wait()
        notify("STOPPING=1")
        await _drain(limner, running, settings, json=json)
    log.info("worker stopped")


async def _drain(limner: "Limner", running: "Worker", settings: "Settings", *, json: bool) -> None:
    if running.running and not json:
        err.print(f"Stopping: {len(running.running)} running tasks have {settings.drain_s:g} s to finish.")
        err.print("Ctrl-C again stops at once; no task is lost.")
    await running.stop()
    if limner.measuring:
        await limner.measuring.stop()
    await limner.close()


def _stop_or_exit(stop: asyncio.Event) -> None:
    """The first signal drains; the second exits at once, and the leases of running tasks run out."""
    if stop.is_set():
        os._exit(1)
    stop.set()
