"""The built-in engine as a provider: one child process draws, this side only waits for it.

The child is a fresh interpreter and not a `multiprocessing` one: that would import the parent's main module again, be
it uvicorn, pytest or a script without a guard, and it cannot be awaited without a thread.
"""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from limner.domain.routing.abilities import Abilities, SizeLimits
from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import Accepted, Delivered, GenerationRequest, Pending, Picture, Report
from limner_builtin import __version__, wire

TIME_LIMIT_S = 120.0
FAREWELL_S = 2.0
LONGEST_ANSWER = 2**20
KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "SYSTEMROOT", "LD_LIBRARY_PATH")
"""All else stays here: the child has no use for the service's keys."""

LIMITS = SizeLimits(step=16, least=256, most=2048, max_pixels=2048 * 2048, ratio=3.0)
ABILITIES = Abilities(
    aspect_ratio=True,
    seed=True,
    size_classes=frozenset({"1K", "2K"}),
    exact_size=LIMITS,
    formats=frozenset({"png", "jpeg", "webp"}),
    compression=True,
)

LEAN = {"MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


class BuiltinProvider:
    """Draws scenes and edits on this machine's CPU. Orders are worked one at a time, in the order they came."""

    name = "builtin"
    resumable = False
    free = True

    def __init__(self, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._time_limit_s = time_limit_s
        self._turn = asyncio.Lock()
        self._numbers = count(1)
        self._child: Process | None = None

    def abilities(self, upstream: str, options: Mapping[str, Any]) -> Abilities:  # noqa: ARG002 - one engine for all
        return ABILITIES

    async def submit(self, order: GenerationRequest, report: Report) -> Delivered | Accepted | Failure:
        """Wait for a turn, then for the picture. An order given up while it is drawn does no harm to the next one."""
        try:
            async with asyncio.timeout(order.deadline_s), self._turn:
                return await self._worked(_task(order, next(self._numbers)), report)
        except TimeoutError:
            reason = f"The built-in engine had no time for this order within {order.deadline_s:g} s."
            return Failure(FailureKind.TIMEOUT, reason)

    async def _worked(self, task: wire.EngineTask, report: Report) -> Delivered | Failure:
        try:
            async with asyncio.timeout(self._time_limit_s):
                answer = await self._answer(task, report)
        except TimeoutError:
            await self._kill()
            return Failure(FailureKind.TIMEOUT, f"The built-in engine took longer than {self._time_limit_s:g} s.")
        except (BrokenPipeError, ConnectionResetError, EOFError):
            code = await self._kill()
            reason = "The built-in engine's process ended while it was drawing."
            return Failure(FailureKind.TRANSIENT, reason, detail=f"exit status {code}")
        return _outcome(answer, task)

    async def poll(self, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered | Pending | Failure:
        raise NotImplementedError(
            f"builtin orders are answered by submit; there is no handle {dict(handle)!r} to ask for"
        )

    async def close(self) -> None:
        """Say goodbye by closing the child's input; insist after two seconds."""
        child = self._child
        if child is None or child.returncode is not None:
            return
        if child.stdin is not None:
            child.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await child.wait()
        await self._kill()

    async def _answer(self, task: wire.EngineTask, report: Report) -> wire.Line:
        """The last word about this order. Words about an order that was given up meanwhile are passed over."""
        child = await self._started()
        assert child.stdin is not None  # noqa: S101 - both were asked for as pipes
        assert child.stdout is not None  # noqa: S101
        child.stdin.write(wire.task_line(task))
        await child.stdin.drain()
        while line := await child.stdout.readline():
            answer = wire.decoded(line)
            if answer["number"] != task.number:
                continue
            if "progress" not in answer:
                return answer
            report(answer["progress"])
        raise EOFError

    async def _started(self) -> Process:
        if self._child is None or self._child.returncode is not None:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "limner_builtin.child",
                stdin=PIPE, stdout=PIPE, env=_environment(), limit=LONGEST_ANSWER,
                start_new_session=True,  # a terminal's Ctrl-C must reach only the service, which drains first
            )  # fmt: skip
        return self._child

    async def _kill(self) -> int | None:
        child, self._child = self._child, None
        if child is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        return await child.wait()


def _environment() -> dict[str, str]:
    """A small environment in which the child finds this very package, installed or not."""
    kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**kept, **LEAN, "PYTHONPATH": os.pathsep.join(paths)}


def _task(order: GenerationRequest, number: int) -> wire.EngineTask:
    width, height = order.pixels(LIMITS) or (None, None)
    return wire.EngineTask(
        number=number,
        prompt=order.spec.prompt,
        template=order.spec.template,
        t_pose=order.spec.t_pose,
        sketch_to_render=order.spec.sketch_to_render,
        references=tuple(str(reference.path) for reference in order.references),
        own_references=order.own_references,
        aspect_ratio=order.aspect_ratio,
        view=order.view,
        seed=order.seed,
        width=width,
        height=height,
        format=order.spec.output_format or "png",
        quality=order.spec.output_compression,
        out=str(order.workdir / "picture.png"),
    )


def _outcome(answer: wire.Line, task: wire.EngineTask) -> Delivered | Failure:
    if "failed" in answer:
        return Failure(FailureKind(answer["failed"]), answer["reason"], detail=answer["detail"])
    done = answer["done"]
    served_by = {
        "provider": "builtin",
        "engine": f"limner-builtin/{__version__}",
        "model": f"limner-builtin/{done['method']}",  # what ran, never the model that was asked for
        "generative": False,
        "method": done["method"],
        "matched": done["matched"],
        "unmatched": done["unmatched"],
        "notice": done["notice"],
    }
    return Delivered(Picture(Path(task.out)), served_by)
