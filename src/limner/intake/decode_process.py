"""The parent's side of the process that decodes heavy pictures: start it, send a job, read the answer.

Pillow's WebP decoder holds the interpreter lock for the whole picture, so that no thread of the process that calls it
does anything meanwhile. A decoder that crashes on hostile bytes ends the child alone.
"""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Final

import structlog

from limner.domain.refusal import Overloaded
from limner.intake import refusals
from limner.intake.decode_job import DecodeJob, result_of
from limner.ports.intake import Inspected, Normalised

log = structlog.get_logger()

TRIES: Final = 2
"""A child may also have been killed for another reason than the file; a second end is blamed on the file."""

_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
"""No other variables are passed on: the child must not see the service's keys."""


class DecodeProcess:
    """A child process, started by the first job. Give it one job at a time."""

    def __init__(self) -> None:
        self._child: Process | None = None

    async def run(self, job: DecodeJob) -> Inspected | Normalised:
        """Raises `Refusal`, also for a file on which the process ended."""
        for _ in range(TRIES):
            child = await self._started()
            if answer := await _answer(child, job):
                return result_of(answer, job)
            if child is not self._child:
                raise Overloaded("the server is stopping")
            log.warning("decoding process ended", exit_code=await self._end())
        raise refusals.broken("the decoder fails on it", job.limits)

    async def close(self) -> None:
        """Kill the process, whatever it does. A later job starts another."""
        await self._end()

    async def _started(self) -> Process:
        if self._child is None or not _is_alive(self._child):
            await self._end()
            self._child = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "limner.intake.decode_child",
                stdin=PIPE, stdout=PIPE, env=_environment(),
                start_new_session=True,  # a terminal's Ctrl-C must reach only the service, which drains first
            )  # fmt: skip
        return self._child

    async def _end(self) -> int | None:
        child, self._child = self._child, None
        if child is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        assert child.stdin is not None  # noqa: S101 - created as a pipe
        child.stdin.close()
        return await child.wait()


def _is_alive(child: Process) -> bool:
    """False as soon as its end is known: uvloop raises where asyncio only fails to write to such a process."""
    assert child.stdin is not None  # noqa: S101 - created as a pipe
    return child.returncode is None and not child.stdin.is_closing()


async def _answer(child: Process, job: DecodeJob) -> bytes:
    """The answer, or nothing if the process ended before it was complete."""
    assert child.stdin is not None  # noqa: S101 - created as a pipe
    assert child.stdout is not None  # noqa: S101
    if not _is_alive(child):
        return b""
    try:
        child.stdin.write(job.as_line())
        await child.stdin.drain()
        line = await child.stdout.readline()
    except ConnectionError:
        return b""
    return line if line.endswith(b"\n") else b""


def _environment() -> dict[str, str]:
    """The child's environment; PYTHONPATH makes it import this copy of the package, installed or not."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**kept, "MALLOC_ARENA_MAX": "2", "PYTHONPATH": os.pathsep.join(paths)}
