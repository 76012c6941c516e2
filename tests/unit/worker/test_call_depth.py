"""How deep the call of a vendor lies below the claim of its task."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CoroutineType
from typing import Any

import limner
from fakes import picture
from limner.domain.tasks.task import Status
from limner.ports.provider import Delivered, GenerationRequest
from unit.worker.conftest import WorkerHarness

SOURCES = str(Path(limner.__file__).parent)
MAX_CALLS = 7
"""From the asyncio task of a claimed task to the provider's `submit`, which is the seventh."""


def own_calls(coroutine: object) -> Iterator[str]:
    """The calls of our own modules that a suspended coroutine is in, the outermost first."""
    while isinstance(coroutine, CoroutineType):
        if coroutine.cr_code.co_filename.startswith(SOURCES):
            yield coroutine.__qualname__
        coroutine = coroutine.cr_await


async def test_a_vendor_is_called_within_seven_calls_of_the_claim(harness: WorkerHarness) -> None:
    stack: list[str] = []

    async def note_the_stack(request: GenerationRequest) -> Delivered:
        await asyncio.sleep(0)  # the callers are suspended now
        tasks: set[asyncio.Task[Any]] = asyncio.all_tasks() - {test}
        stack.extend(
            call
            for each in sorted(tasks, key=lambda each: each.get_name(), reverse=True)
            for call in own_calls(each.get_coro())
        )
        return picture(request)

    test = asyncio.current_task()
    harness.script_vendor(note_the_stack)
    [task] = await harness.submit_tasks()
    await harness.claim()
    await harness.wait_until_idle()

    assert (await harness.task(task)).status is Status.SUCCESS
    sys.stdout.write("\n".join([*stack, "submit"]))
    assert "Dispatcher._execute" in stack
    assert len([*stack, "submit"]) <= MAX_CALLS, stack
