"""Work in a thread comes to its end, whatever becomes of its caller."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from limner.scratch_paths import scratch_file, scratch_folder
from limner.threads import closing_in_thread, in_thread


async def cancelled_before_work(call: Callable[[], Coroutine[Any, Any, Any]], jobs: int) -> None:
    """Cancel `call()` while its job number `jobs` waits for the only thread, which another job holds."""
    loop, busy = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    submit, waiting = loop.run_in_executor, asyncio.Event()
    left = jobs

    def held(executor: Any, work: Any, *args: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            submit(None, busy.wait)
            waiting.set()
        return submit(executor, work, *args)

    loop.run_in_executor = held  # type: ignore[method-assign]
    caller = asyncio.ensure_future(call())
    await waiting.wait()
    caller.cancel()
    await asyncio.sleep(0)
    busy.set()
    with pytest.raises(asyncio.CancelledError):
        await caller


def test_work_is_done_for_a_caller_that_was_cancelled_before_it_began() -> None:
    done: list[int] = []
    asyncio.run(cancelled_before_work(lambda: in_thread(done.append, 1), 1))
    assert done == [1]


@pytest.mark.parametrize("job", [1, 2, 3])
def test_a_file_is_closed_and_removed_whenever_its_writer_is_cancelled(tmp_path: Path, job: int) -> None:
    opened: list[Any] = []

    def opens(path: Path) -> Any:
        opened.append(path.open("wb"))
        return opened[-1]

    async def write() -> None:
        async with scratch_file(tmp_path, "upload") as path, closing_in_thread(opens, path) as file:
            await in_thread(file.write, b"picture")

    asyncio.run(cancelled_before_work(write, job))

    assert [file.closed for file in opened] == [True]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("job", [1, 2, 3])
def test_a_folder_is_removed_whenever_its_user_is_cancelled(tmp_path: Path, job: int) -> None:
    async def write() -> None:
        async with scratch_folder(tmp_path, "hash") as folder:
            await in_thread((folder / "picture").write_bytes, b"picture")

    asyncio.run(cancelled_before_work(write, job))

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    async def read() -> None:
        async with closing_in_thread((tmp_path / "missing").open, "rb"):
            pytest.fail("there is no such file")

    with pytest.raises(FileNotFoundError):
        asyncio.run(read())
