"""Progress and remaining time of a task, estimated from recent durations."""

from collections.abc import Sequence
from statistics import median

from limner.domain.tasks.task import Status, Task

MAX_RUNNING_PROGRESS = 95
"""The progress shown before the image is in our own store never exceeds this."""

DEFAULT_EXPECTED_MS = 8_000
"""The expected duration of a route without a history."""

EXPECTED_BEFORE_SUBMIT_MS = 4_000
"""The expected duration before anything is submitted. Old clients poll after half of it, their shortest wait."""


def expected_ms(durations_ms: Sequence[int], *, first_guess_ms: int = DEFAULT_EXPECTED_MS) -> int:
    """The expected duration: the median of recent ones."""
    return int(median(durations_ms)) if durations_ms else first_guess_ms


def progress(reported: int, elapsed_ms: int, expected: int | None) -> int:
    """0 to 95; it never falls while the arguments grow.

    The vendor's figure where it is higher, otherwise an estimate by time: half of the rest passes with each half of
    the expected time, so that an overdue task slows down instead of stopping.
    """
    return min(MAX_RUNNING_PROGRESS, max(reported, _by_time(elapsed_ms, expected)))


def _by_time(elapsed_ms: int, expected: int | None) -> int:
    if not expected or elapsed_ms <= 0:
        return 0
    return int(100 * (1 - 0.25 ** (elapsed_ms / expected)))


def seconds_left(elapsed_ms: int, expected: int | None) -> int:
    """The estimated seconds until a running task is done, at least 1: clients sleep for a part of this."""
    expected = EXPECTED_BEFORE_SUBMIT_MS if expected is None else expected
    return max(1, -(-(expected - elapsed_ms) // 1000))


def displayed_progress(task: Task, now_ms: int) -> int:
    """A task's progress as callers see it: 0 while it is queued, 100 once it has ended in any status."""
    match task.status:
        case Status.QUEUED:
            return 0
        case Status.RUNNING:
            return progress(task.progress, elapsed_ms(task, now_ms), task.expected_ms)
        case _:
            return 100


def elapsed_ms(task: Task, now_ms: int) -> int:
    return now_ms - (task.started_ms or now_ms)
