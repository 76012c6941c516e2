"""Blocking work in threads that a cancelled caller waits for.

`asyncio.to_thread` leaves its thread to itself when its caller is cancelled, and drops work that has not begun: a file
that was being made stays for ever, and so does one that was about to be removed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Closeable(Protocol):
    """What has a blocking `close()`."""

    def close(self) -> object:
        """Close it."""


_C = TypeVar("_C", bound=Closeable)


async def in_thread(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """`work(…)` in a thread, in the caller's context. A cancelled caller waits for its end."""
    return await finished(_started(work, *args, **kwargs))


@asynccontextmanager
async def closing_in_thread(open_it: Callable[_P, _C], *args: _P.args, **kwargs: _P.kwargs) -> AsyncIterator[_C]:
    """What `open_it(…)` gives; both it and the `close()` at the end run in threads, also for a cancelled caller."""
    opening = _started(open_it, *args, **kwargs)
    try:
        yield await finished(opening)
    finally:
        if not opening.cancelled() and opening.exception() is None:
            await in_thread(opening.result().close)


async def finished(job: "asyncio.Future[_T]") -> _T:
    """The result of a job that is not cancelled with its caller: the caller waits for it."""
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        await asyncio.wait([job])
        raise


def _started(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> "asyncio.Future[_T]":
    return asyncio.get_running_loop().run_in_executor(None, partial(copy_context().run, partial(work, *args, **kwargs)))
