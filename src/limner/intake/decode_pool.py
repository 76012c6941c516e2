"""Where pictures are decoded: small ones in threads, heavy ones in a child process; both shared fairly by accounts."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from limner.application.accounts.fair_share import FairShare
from limner.intake.decode_job import DecodeJob
from limner.intake.decode_process import DecodeProcess
from limner.ports.intake import Inspected, Normalised
from limner.threads import finished

_T = TypeVar("_T")


class DecodePool:
    """Decodes pictures of all accounts. A caller waits for admission on the event loop, not in a thread.

    A cancelled caller waits for its decode, which holds memory until it ends.

    One account may use all threads but one. The process decodes one picture at a time, because of its memory, and
    accounts are charged by pixels there. Bound to one event loop until it is closed.
    """

    def __init__(self, threads: int | None = None, process: DecodeProcess | None = None) -> None:
        self._most = threads or (os.cpu_count() or 1) + 2
        self._thread_share = FairShare(self._most, self._most - 1)
        self._process_share = FairShare(1, 1)
        self._threads: ThreadPoolExecutor | None = None
        self._process = process or DecodeProcess()

    async def in_thread(self, work: Callable[[], _T]) -> _T:
        """`work()` in a thread."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._most, thread_name_prefix="limner-pictures")
        async with self._thread_share.slot():
            return await finished(asyncio.get_running_loop().run_in_executor(self._threads, work))

    async def in_process(self, job: DecodeJob, pixels: int) -> Inspected | Normalised:
        """The job done by the child process, charged with `pixels`."""
        async with self._process_share.slot(charge=pixels):
            return await finished(asyncio.ensure_future(self._process.run(job)))

    async def close(self) -> None:
        """End the threads and the process. A later use starts new ones."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None
        await self._process.close()
