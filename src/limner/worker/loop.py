"""The loop that every periodic job of a worker runs in."""

from collections.abc import Awaitable, Callable

from limner.application.store_errors import log_loop_error
from limner.ports.clock import Clock


async def every(seconds: float, job: Callable[[], Awaitable[object]], *, clock: Clock, on_error: str) -> None:
    """Run `job` for ever, `seconds` after it last ended. An error is logged as `on_error` and the loop continues."""
    while True:
        try:
            await job()
        except Exception as error:  # noqa: BLE001 - loops must survive any error
            log_loop_error(on_error, error)
        await clock.sleep(seconds)
