"""Threads for decoding pictures, shared fairly between accounts by the pixels they decode."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from limner.application.accounts.fair_share import FairShare

_T = TypeVar("_T")

MIN_PIXELS = 18_000_000
"""Pixels that a decode is charged at least: the capacity in these units is the number of threads."""


class DecodePool:
    """Runs decodes in dedicated threads. A caller waits for admission on the event loop, not in a thread.

    One account may use all threads but one. Of pictures above `huge_pixels` one is decoded at a time, because of its
    memory. Bound to one event loop.
    """

    def __init__(self, huge_pixels: int, threads: int | None = None) -> None:
        threads = threads or (os.cpu_count() or 1) + 2
        self._huge_pixels = huge_pixels
        self._huge = FairShare(1, 1)
        self._share = FairShare(threads * MIN_PIXELS, (threads - 1) * MIN_PIXELS)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="limner-pictures")

    async def run(self, pixels: int, work: Callable[[], _T]) -> _T:
        """`work()` in a thread, charged with `pixels` to the current account."""
        if pixels <= self._huge_pixels:
            return await self._admitted(pixels, work)
        async with self._huge.slot():
            return await self._admitted(self._huge_pixels, work)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _admitted(self, pixels: int, work: Callable[[], _T]) -> _T:
        async with self._share.slot(max(MIN_PIXELS, pixels)):
            return await _finished(asyncio.get_running_loop().run_in_executor(self._threads, work))


async def _finished(job: "asyncio.Future[_T]") -> _T:
    """The result. A cancelled caller waits for the thread, which holds the memory until it ends."""
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        await asyncio.wait([job])
        raise
