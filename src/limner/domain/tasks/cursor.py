"""A cursor into a numbered feed whose rows may become visible out of order.

A database assigns a sequence number before the transaction is committed: 8 may be visible while 7 is uncommitted or
will never exist. A reader that stores only "8" would miss 7. The cursor therefore stores the gap too, until every
transaction that had begun when the gap was found has ended.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

MAX_GAPS = 1_000
"""Gaps that one cursor holds. More appear only while a transaction stays open for long; the oldest are dropped."""


@dataclass(frozen=True, slots=True)
class CursorGap:
    """Numbers `first` to `last`, which may still appear while a transaction older than `until` is open."""

    first: int
    last: int
    until: int

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= self.last


@dataclass(frozen=True, slots=True)
class FeedCursor:
    """Everything up to `top` was read, except the gaps."""

    top: int = 0
    gaps: tuple[CursorGap, ...] = ()

    def covers(self, number: int) -> bool:
        """Whether this number was read, or can no longer appear."""
        return number <= self.top and not any(number in gap for gap in self.gaps)

    def advanced(self, seen: Sequence[int], oldest: int, until: int) -> "FeedCursor":
        """The cursor after reading the gaps and everything above `top`; `seen` is all that was visible, in order.

        `oldest` is the oldest transaction open in the reader's snapshot, `until` one younger than every transaction
        that had begun by then.
        """
        gaps = [part for gap in self.gaps if gap.until > oldest for part in _without(gap, seen)]
        new = [number for number in seen if number > self.top]
        gaps += [CursorGap(a + 1, b - 1, until) for a, b in pairwise([self.top, *new]) if b - a > 1]
        return FeedCursor(max(self.top, *new) if new else self.top, tuple(gaps[-MAX_GAPS:]))

    def has_new_gaps(self, seen: Sequence[int]) -> bool:
        """Whether there are missing numbers between these that are in no gap yet."""
        new = [number for number in seen if number > self.top]
        return bool(new) and new[-1] - self.top > len(new)


def cursor_from_recent(base: int, seen: Sequence[int], until: int) -> FeedCursor:
    """The cursor after the newest of `seen`, all visible numbers above `base`, with the gaps between them."""
    return FeedCursor(base).advanced(seen, 0, until)


def _without(gap: CursorGap, seen: Sequence[int]) -> Iterator[CursorGap]:
    """The parts of a gap that remain after some of its numbers have appeared."""
    filled = [number for number in seen if number in gap]
    for a, b in pairwise([gap.first - 1, *filled, gap.last + 1]):
        if b - a > 1:
            yield CursorGap(a + 1, b - 1, gap.until)
