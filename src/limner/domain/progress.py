"""What to tell somebody who waits, from real durations."""

from collections.abc import Sequence
from statistics import median

ALMOST = 95
"""Progress never shows more than this before the picture is in our own store."""

FIRST_GUESS_MS = 8_000
"""Assumed for a route that has no history yet."""


def expected_ms(durations_ms: Sequence[int], *, first_guess_ms: int = FIRST_GUESS_MS) -> int:
    """What a run is expected to take: the median of the recent ones."""
    return int(median(durations_ms)) if durations_ms else first_guess_ms


def progress(reported: int, elapsed_ms: int, expected: int | None) -> int:
    """0 to 95, and for growing arguments it only grows.

    The vendor's own figure counts where it is ahead; otherwise time does: half of what is left is gone each time
    half the expected time passes, so that an overdue run slows down instead of standing still at the end.
    """
    return min(ALMOST, max(reported, _by_time(elapsed_ms, expected)))


def _by_time(elapsed_ms: int, expected: int | None) -> int:
    if not expected or elapsed_ms <= 0:
        return 0
    return int(100 * (1 - 0.25 ** (elapsed_ms / expected)))


def seconds_left(elapsed_ms: int, expected: int | None) -> int:
    """Whole seconds until a running task is likely done, at least 1: clients sleep for a part of this."""
    return max(1, -(-((expected or FIRST_GUESS_MS) - elapsed_ms) // 1000))
