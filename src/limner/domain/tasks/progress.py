"""What to tell somebody who waits, from real durations."""

from collections.abc import Sequence
from statistics import median

from limner.domain.tasks.task import Status, Task

MAX_RUNNING_PROGRESS = 95
"""Progress never shows more than this before the picture is in our own store."""

DEFAULT_EXPECTED_MS = 8_000
"""Assumed for a route that has no history yet."""

EXPECTED_BEFORE_SUBMIT_MS = 4_000
"""Assumed while nothing has been ordered yet. Old clients look again after half of it, which is the least they wait."""


def expected_ms(durations_ms: Sequence[int], *, first_guess_ms: int = DEFAULT_EXPECTED_MS) -> int:
    """What a run is expected to take: the median of the recent ones."""
    return int(median(durations_ms)) if durations_ms else first_guess_ms


def progress(reported: int, elapsed_ms: int, expected: int | None) -> int:
    """0 to 95, and for growing arguments it only grows.

    The vendor's own figure counts where it is ahead; otherwise time does: half of what is left is gone each time
    half the expected time passes, so that an overdue run slows down instead of standing still at the end.
    """
    return min(MAX_RUNNING_PROGRESS, max(reported, _by_time(elapsed_ms, expected)))


def _by_time(elapsed_ms: int, expected: int | None) -> int:
    if not expected or elapsed_ms <= 0:
        return 0
    return int(100 * (1 - 0.25 ** (elapsed_ms / expected)))


def seconds_left(elapsed_ms: int, expected: int | None) -> int:
    """Whole seconds until a running task is likely done, at least 1: clients sleep for a part of this."""
    expected = EXPECTED_BEFORE_SUBMIT_MS if expected is None else expected
    return max(1, -(-(expected - elapsed_ms) // 1000))


def displayed_progress(task: Task, now_ms: int) -> int:
    """A task's progress as its owner sees it: 0 while it waits, 100 once it has ended, however it ended."""
    match task.status:
        case Status.QUEUED:
            return 0
        case Status.RUNNING:
            return progress(task.progress, elapsed_ms(task, now_ms), task.expected_ms)
        case _:
            return 100


def elapsed_ms(task: Task, now_ms: int) -> int:
    return now_ms - (task.started_ms or now_ms)
