"""The child process that decodes heavy pictures: reads jobs from standard input, writes answers to standard output.

It ends when its standard input closes, which happens whenever the parent process ends, even after SIGKILL. Its limits
of memory and of time per picture end it too.
"""

import contextlib
import os
import resource
import sys
from pathlib import Path
from typing import BinaryIO, Final

from limner.intake.decode_job import DecodeJob, answer_line, job_of
from limner.ports.low_priority import lower_priority

NICENESS: Final = 10

BYTES_A_PIXEL: Final = 20
"""A WebP takes 16, a CMYK JPEG without its end 12; colour conversion and scaling work in bands."""

OTHER_BYTES: Final = 512 * 1024**2
"""Address space of the interpreter, its libraries, the file's bytes and the scaled picture."""

CPU_S: Final = 60
"""Processor time that one picture may take; the slowest of 100 megapixels takes some four seconds."""

OUT_OF_MEMORY: Final = 70
"""The exit status after a MemoryError, when nothing in the process can be trusted."""


def main() -> None:
    answers = _private_output()
    lower_priority(NICENESS)  # answering requests comes first
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")  # where memory is short, this process ends first
    for line in sys.stdin.buffer:
        job = job_of(line)
        _limit(job)
        try:
            answers.write(answer_line(job))
        except BrokenPipeError:
            return
        except MemoryError:
            os._exit(OUT_OF_MEMORY)


def _private_output() -> BinaryIO:
    """Move the answers to a duplicate of descriptor 1, so that prints of libraries go to standard error."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def _limit(job: DecodeJob) -> None:
    """Bound memory, and the time of this job: the kernel ends a process that goes on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _set_soft_limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + CPU_S)
    _set_soft_limit(resource.RLIMIT_AS, job.limits.max_pixels * BYTES_A_PIXEL + OTHER_BYTES)


def _set_soft_limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (allowed, hard))


if __name__ == "__main__":
    main()
