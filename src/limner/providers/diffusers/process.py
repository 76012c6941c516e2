"""The parent's side of a model's child process: start it, send jobs, read answers, kill it.

The child is a new interpreter, so that its crashes and memory use do not affect the service, and its GPU memory is
free as soon as it has ended.
"""

import asyncio
import contextlib
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Final

from limner.ports.provider import Report
from limner.providers.diffusers import job_lines

MAX_LINE_BYTES: Final = 2**20
EXIT_WAIT_S: Final = 10.0

_ENVIRONMENT: Final = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TEMP",
    "SYSTEMROOT",
    "LD_LIBRARY_PATH",
    "XDG_CACHE_HOME",
)
_ENVIRONMENT_PREFIXES: Final = (
    *("CUDA", "NVIDIA_", "HIP_", "HSA_", "ROCR_", "ROCM_", "PYTORCH_", "TORCH", "TRITON_"),
    *("OMP_", "MKL_", "OPENBLAS_", "GOMP_", "KMP_"),
)
"""Variables that configure GPUs and threads. No others are passed on: the child must not see the service's keys."""

_OFFLINE: Final = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DIFFUSERS_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
}


class PipelineProcess:
    """One model's process. It has at most one job at a time."""

    def __init__(self) -> None:
        self._child: Process | None = None
        self._is_answer_due = False
        self._last_answer_s = time.monotonic()
        self.loading = True

    @property
    def silence_s(self) -> float:
        """Seconds since its last line, while an answer is due; else 0."""
        return time.monotonic() - self._last_answer_s if self._is_answer_due else 0.0

    async def work(self, job: job_lines.PipelineJob, report: Report) -> job_lines.Line:
        """Send a job and return its final answer; answers to abandoned jobs are skipped.

        Raises EOFError, BrokenPipeError or ConnectionResetError if the process ends first.
        """
        child = await self._started()
        assert child.stdin is not None  # noqa: S101 - created as a pipe
        assert child.stdout is not None  # noqa: S101
        if not self._is_answer_due:  # else the silence counts from the abandoned job
            self._last_answer_s = time.monotonic()
        self._is_answer_due = True
        child.stdin.write(job_lines.job_line(job))
        await child.stdin.drain()
        while line := await child.stdout.readline():
            answer = job_lines.decoded(line)
            self._note_answer(answer)
            if answer["number"] != job.number:
                continue
            if "progress" in answer:
                report(answer["progress"])
            elif "done" in answer or "failed" in answer:
                self._is_answer_due = False
                return answer
        raise EOFError

    def _note_answer(self, answer: job_lines.Line) -> None:
        self._last_answer_s = time.monotonic()
        if "loaded" in answer:
            self.loading = False

    def abandon(self, job: job_lines.PipelineJob) -> None:
        """Tell the process to stop this job at its next step."""
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.write(job_lines.encoded({"abandon": job.number}))

    async def exit_code(self) -> int | None:
        """The exit status of a process that has closed its output; None if it did not exit in time."""
        if self._child is None:
            return None
        # Killing it now would replace the exit status that says why it ended.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EXIT_WAIT_S):
                await self._child.wait()
        return self._child.returncode

    async def kill(self) -> None:
        """Kill it and wait until it has exited, which frees its memory."""
        child = self._child
        if child is None:
            return
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
        assert child.stdin is not None  # noqa: S101 - as above
        child.stdin.close()
        await child.communicate()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await child.stdin.wait_closed()
        self._child, self._is_answer_due = None, False

    async def _started(self) -> Process:
        if self._child is None or self._child.returncode is not None:
            self._is_answer_due, self.loading = False, True
            self._child = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "limner.providers.diffusers.child",
                stdin=PIPE, stdout=PIPE, env=_environment(), limit=MAX_LINE_BYTES,
                start_new_session=True,  # a terminal's Ctrl-C must reach only the service, which drains first
            )  # fmt: skip
        return self._child


def _environment() -> dict[str, str]:
    """The child's environment; PYTHONPATH makes it import this copy of the package, installed or not."""
    kept = {
        name: os.environ[name] for name in os.environ if name in _ENVIRONMENT or name.startswith(_ENVIRONMENT_PREFIXES)
    }
    paths = [str(Path(__file__).parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**kept, **_OFFLINE, "PYTHONPATH": os.pathsep.join(paths)}
