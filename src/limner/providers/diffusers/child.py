"""The child process of one model: reads jobs from standard input, writes answers to standard output.

Only this process imports torch and diffusers. It exits at once when its standard input closes, which happens whenever
the parent process ends, even after SIGKILL.
"""

import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from limner.ports.low_priority import lower_priority
from limner.providers.diffusers import job_lines
from limner.providers.diffusers.pipeline import Abandoned, Pipeline, UnusableSetup, is_blank

NICENESS: Final = 5

_OUT_OF_MEMORY: Final = ("out of memory", "can't allocate memory")

SendAnswer = Callable[..., None]


class JobQueue:
    """Jobs from the parent in their order, and the numbers of those that the parent has abandoned."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[job_lines.PipelineJob] = queue.SimpleQueue()
        self._abandoned: set[int] = set()

    def read_lines(self) -> None:
        for text in sys.stdin.buffer:
            line = job_lines.decoded(text)
            if "abandon" in line:
                self._abandoned.add(line["abandon"])
            else:
                self._jobs.put(job_lines.job_of(line))
        os._exit(0)

    def next_job(self) -> job_lines.PipelineJob:
        return self._jobs.get()

    def check(self, job: job_lines.PipelineJob) -> None:
        if job.number in self._abandoned:
            raise Abandoned


def main() -> None:
    answers = _private_output()
    lower_priority(NICENESS)  # the service's own process has to stay responsive
    jobs = JobQueue()
    threading.Thread(target=jobs.read_lines, daemon=True).start()
    pipeline: Pipeline | None = None
    while True:
        job = jobs.next_job()

        def send(**answer: object) -> None:
            _write_line(answers, {"number": job.number, **answer})  # noqa: B023 - is called before the next job comes

        pipeline = pipeline or _loaded(job, send)
        if pipeline is not None:
            send(**_draw(pipeline, job, jobs, send))


def _private_output() -> BinaryIO:
    """Move the answers to a duplicate of descriptor 1, so that prints of libraries go to standard error."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def _write_line(answers: BinaryIO, line: job_lines.Line) -> None:
    try:
        answers.write(job_lines.encoded(line))
    except BrokenPipeError:
        os._exit(0)


# --- loading --------------------------------------------------------------------------------------------------


def _loaded(job: job_lines.PipelineJob, send: SendAnswer) -> Pipeline | None:
    """The loaded pipeline, or None after the failure was sent."""
    try:
        pipeline = Pipeline(job.model)
    except Exception as error:  # noqa: BLE001 - a model that cannot be loaded is an answer
        send(broken=True, **_failure("model_unavailable", _load_failure_reason(job, error), error))
        return None
    send(loaded=True)
    return pipeline


def _load_failure_reason(job: job_lines.PipelineJob, error: Exception) -> str:
    name = Path(job.model.folder).name
    if isinstance(error, ModuleNotFoundError):
        missing = f"the Python package {error.name!r} is not installed"
        return f"the model {name!r} cannot be loaded: {missing}; run pip install 'limner[diffusers]'"
    if isinstance(error, UnusableSetup):
        return f"the model {name!r} cannot be loaded: {error}"
    if is_out_of_memory(error):
        return f"the model {name!r} does not fit in memory; set the option offload, or choose a smaller model"
    return f"the model {name!r} cannot be loaded; the server's log says why"


# --- drawing --------------------------------------------------------------------------------------------------


def _draw(pipeline: Pipeline, job: job_lines.PipelineJob, jobs: JobQueue, send: SendAnswer) -> job_lines.Line:
    def step_done(done: int) -> None:
        jobs.check(job)
        send(progress=95 * done // job.steps)

    started_s = time.monotonic()
    try:
        jobs.check(job)
        picture = pipeline.draw(job, step_done)
        if is_blank(picture):
            return _blank_failure(pipeline)
        picture.save(job.out, "PNG")
    except Abandoned:
        return {"failed": "cancelled", "reason": "the request was cancelled", "detail": None}
    except Exception as error:  # noqa: BLE001 - one job's error must not end the process
        return _draw_failure(error)
    seconds = round(time.monotonic() - started_s, 2)
    return {"done": {"device": pipeline.device, "dtype": pipeline.dtype, "seconds": seconds}}


def _blank_failure(pipeline: Pipeline) -> job_lines.Line:
    reason = f"the model made a picture of a single colour; values may have overflowed in {pipeline.dtype}"
    return {"failed": "bad_output", "reason": reason, "detail": None}


def _draw_failure(error: Exception) -> job_lines.Line:
    if is_out_of_memory(error):
        reason = "there was not enough memory for this picture"
        return {"broken": True, **_failure("transient", reason, error)}
    if isinstance(error, OSError):
        return _failure("transient", "an image file in the task's folder could not be read or written", error)
    return _failure("no_image", "the model failed on this request; the server's log says why", error)


def _failure(kind: str, reason: str, error: Exception) -> job_lines.Line:
    """The traceback goes to the log. The task gets only the exception's class name: its message may contain paths."""
    traceback.print_exception(error)
    return {"failed": kind, "reason": reason, "detail": type(error).__name__}


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error means too little memory: torch's exception classes differ by device, so the text is matched."""
    words = str(error).lower()
    return isinstance(error, MemoryError) or any(each in words for each in _OUT_OF_MEMORY)


if __name__ == "__main__":
    main()
