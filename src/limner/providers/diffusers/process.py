"""A model's process as its owner sees it: started when there is a job, asked, given up on, ended.

It is a fresh interpreter. What crashes or fills the memory there does not touch the service, and when it ends the
card's memory is free.
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

LONGEST_ANSWER: Final = 2**20
FAREWELL_S: Final = 10.0

_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "SYSTEMROOT", "LD_LIBRARY_PATH", "XDG_CACHE_HOME")
_KEPT_BEGINNINGS: Final = (
    *("CUDA", "NVIDIA_", "HIP_", "HSA_", "ROCR_", "ROCM_", "PYTORCH_", "TORCH", "TRITON_"),
    *("OMP_", "MKL_", "OPENBLAS_", "GOMP_", "KMP_"),
)
"""How cards and threads are set up. All else stays here: the process has no use for the service's keys."""

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
    """One model's process. The owner asks one thing at a time."""

    def __init__(self) -> None:
        self._child: Process | None = None
        self._owing = False
        self._heard_s = time.monotonic()
        self.loading = True

    @property
    def silent_s(self) -> float:
        """For how long it owes a word."""
        return time.monotonic() - self._heard_s if self._owing else 0.0

    async def work(self, job: job_lines.PipelineJob, report: Report) -> job_lines.Line:
        """The last word about this job. Words about one that was given up meanwhile are passed over.

        Raises EOFError, BrokenPipeError or ConnectionResetError when the process ends before.
        """
        child = await self._started()
        assert child.stdin is not None  # noqa: S101 - both were asked for as pipes
        assert child.stdout is not None  # noqa: S101
        if not self._owing:  # else its silence began with the job that was given up
            self._heard_s = time.monotonic()
        self._owing = True
        child.stdin.write(job_lines.job_line(job))
        await child.stdin.drain()
        while line := await child.stdout.readline():
            answer = job_lines.decoded(line)
            self._heard(answer)
            if answer["number"] != job.number:
                continue
            if "progress" in answer:
                report(answer["progress"])
            elif "done" in answer or "failed" in answer:
                self._owing = False
                return answer
        raise EOFError

    def _heard(self, answer: job_lines.Line) -> None:
        self._heard_s = time.monotonic()
        if "loaded" in answer:
            self.loading = False

    def give_up(self, job: job_lines.PipelineJob) -> None:
        """Nobody waits for this job any more: it may end at its next step."""
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.write(job_lines.encoded({"give_up": job.number}))

    async def ended(self) -> int | None:
        """How it ended, once it has fallen silent by itself."""
        if self._child is None:
            return None
        # To kill what is dying already would take its exit status from whoever waits for it.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._child.wait(), FAREWELL_S)
        return self._child.returncode

    async def end(self) -> None:
        """End it at once, and wait until its memory is free."""
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
        self._child, self._owing = None, False

    async def _started(self) -> Process:
        if self._child is None or self._child.returncode is not None:
            self._owing, self.loading = False, True
            self._child = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "limner.providers.diffusers.child",
                stdin=PIPE, stdout=PIPE, env=_environment(), limit=LONGEST_ANSWER,
                start_new_session=True,  # a terminal's Ctrl-C is for the service, which may let a picture be finished
            )  # fmt: skip
        return self._child


def _environment() -> dict[str, str]:
    """A small environment, in which the child finds this very package, installed or not."""
    kept = {name: os.environ[name] for name in os.environ if name in _KEPT or name.startswith(_KEPT_BEGINNINGS)}
    paths = [str(Path(__file__).parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**kept, **_OFFLINE, "PYTHONPATH": os.pathsep.join(paths)}
