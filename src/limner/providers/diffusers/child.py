"""A model's own process: reads jobs from its standard input, answers on its standard output.

Only this process loads torch and diffusers. It ends by itself, at once, when its input closes: that is how it learns
that the service is gone, however it went.
"""

import contextlib
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from limner.providers.diffusers import job_lines
from limner.providers.diffusers.pipeline import GivenUp, Pipeline, Unfit, is_blank

NICENESS: Final = 5

_OUT_OF_MEMORY: Final = ("out of memory", "can't allocate memory")

Tell = Callable[..., None]


class Inbox:
    """What the owner says: jobs in their order, and which of them nobody waits for any more."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[job_lines.PipelineJob] = queue.SimpleQueue()
        self._given_up: set[int] = set()

    def listen(self) -> None:
        for text in sys.stdin.buffer:
            line = job_lines.decoded(text)
            if "give_up" in line:
                self._given_up.add(line["give_up"])
            else:
                self._jobs.put(job_lines.job_of(line))
        os._exit(0)

    def next_job(self) -> job_lines.PipelineJob:
        return self._jobs.get()

    def check(self, job: job_lines.PipelineJob) -> None:
        if job.number in self._given_up:
            raise GivenUp


def main() -> None:
    answers = _private_output()
    with contextlib.suppress(AttributeError, OSError):
        os.nice(NICENESS)  # drawing may be slow, answering requests may not
    inbox = Inbox()
    threading.Thread(target=inbox.listen, daemon=True).start()
    pipeline: Pipeline | None = None
    while True:
        job = inbox.next_job()

        def tell(**answer: object) -> None:
            _say(answers, {"number": job.number, **answer})  # noqa: B023 - is called before the next job comes

        pipeline = pipeline or _loaded(job, tell)
        if pipeline is not None:
            tell(**_outcome(pipeline, job, inbox, tell))


def _private_output() -> BinaryIO:
    """Answers get a descriptor of their own, so that no library's print can break the protocol."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def _say(answers: BinaryIO, line: job_lines.Line) -> None:
    try:
        answers.write(job_lines.encoded(line))
    except BrokenPipeError:
        os._exit(0)


# --- loading --------------------------------------------------------------------------------------------------


def _loaded(job: job_lines.PipelineJob, tell: Tell) -> Pipeline | None:
    """The pipeline; None after telling why there is none."""
    try:
        pipeline = Pipeline(job.model)
    except Exception as error:  # noqa: BLE001 - a model that cannot be loaded is an answer
        tell(broken=True, **_failed("model_unavailable", _why_not_loaded(job, error), error))
        return None
    tell(loaded=True)
    return pipeline


def _why_not_loaded(job: job_lines.PipelineJob, error: Exception) -> str:
    name = Path(job.model.folder).name
    if isinstance(error, ModuleNotFoundError):
        lacking = f"the Python package {error.name!r} is not installed"
        return f"the model {name!r} cannot be loaded: {lacking}; run pip install 'limner[diffusers]'"
    if isinstance(error, Unfit):
        return f"the model {name!r} cannot be loaded: {error}"
    if is_out_of_memory(error):
        return f"the model {name!r} does not fit in the memory; set offload, or choose a smaller model"
    return f"the model {name!r} cannot be loaded; the server's log says why"


# --- drawing --------------------------------------------------------------------------------------------------


def _outcome(pipeline: Pipeline, job: job_lines.PipelineJob, inbox: Inbox, tell: Tell) -> job_lines.Line:
    def step_done(done: int) -> None:
        inbox.check(job)
        tell(progress=95 * done // job.steps)

    started_s = time.monotonic()
    try:
        inbox.check(job)
        picture = pipeline.draw(job, step_done)
        if is_blank(picture):
            return _blank(pipeline)
        picture.save(job.out, "PNG")
    except GivenUp:
        return {"failed": "cancelled", "reason": "nobody waits for this picture any more", "detail": None}
    except Exception as error:  # noqa: BLE001 - one job's trouble must not end the process
        return _why_not_drawn(error)
    seconds = round(time.monotonic() - started_s, 2)
    return {"done": {"device": pipeline.device, "dtype": pipeline.dtype, "seconds": seconds}}


def _blank(pipeline: Pipeline) -> job_lines.Line:
    reason = f"the model drew a picture of a single colour; its numbers may have overflowed in {pipeline.dtype}"
    return {"failed": "bad_output", "reason": reason, "detail": None}


def _why_not_drawn(error: Exception) -> job_lines.Line:
    if is_out_of_memory(error):
        reason = "the memory did not suffice for this picture"
        return {"broken": True, **_failed("transient", reason, error)}
    if isinstance(error, OSError):
        return _failed("transient", "a picture could not be read or written in the task's folder", error)
    return _failed("no_image", "the model could not draw this order; the server's log says why", error)


def _failed(kind: str, reason: str, error: Exception) -> job_lines.Line:
    """The whole story goes to the log, the error's name alone to the task: a message may hold a path."""
    traceback.print_exception(error)
    return {"failed": kind, "reason": reason, "detail": type(error).__name__}


def is_out_of_memory(error: Exception) -> bool:
    """Each kind of device has its own error for this, and the CPU none but words."""
    words = str(error).lower()
    return isinstance(error, MemoryError) or any(each in words for each in _OUT_OF_MEMORY)


if __name__ == "__main__":
    main()
