"""Runs a service's main coroutine."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from limner.db.engines.fair_threads import FairThreads

T = TypeVar("T")

SWITCH_S: Final = 0.00005
"""How long a thread that works may keep the event loop from going on: Python's default is 5 ms.

The loop waits for the interpreter lock after each look for input, and a thread that writes rows after each statement:
with the default, one busy account would add 5 ms to each of those steps of all others.
"""


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a service's main coroutine, on uvloop and with turns for accounts where there is uvloop."""
    sys.setswitchinterval(SWITCH_S)
    work = _with_fair_threads(work)
    try:
        from limner.cli.event_loop.fair_loop import FairLoop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=FairLoop) as runner:
        return runner.run(work)


async def _with_fair_threads(work: Coroutine[Any, Any, T]) -> T:
    asyncio.get_running_loop().set_default_executor(FairThreads())
    return await work
