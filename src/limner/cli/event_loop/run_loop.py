"""Runs a service's main coroutine."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from limner.cli.event_loop.switch_interval import SHARED_S
from limner.db.engines.fair_threads import FairThreads

T = TypeVar("T")


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a service's main coroutine, on uvloop and with turns for accounts where there is uvloop."""
    work = _with_fair_threads(work)
    try:
        from limner.cli.event_loop.fair_loop import FairLoop
    except ImportError:
        sys.setswitchinterval(SHARED_S)
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=FairLoop) as runner:
        return runner.run(work)


async def _with_fair_threads(work: Coroutine[Any, Any, T]) -> T:
    asyncio.get_running_loop().set_default_executor(FairThreads())
    return await work
