"""How far somebody has read in a numbered feed whose numbers may become visible out of their order.

A database gives out a number before the transaction that uses it is committed: 8 may be seen while 7 is still being
written, or will never be. A reader that remembers only "8" loses 7. A mark remembers the gap too, and until when it
can still be filled: until every transaction that had begun when the gap was found has ended.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

MAX_GAPS = 1_000
"""Gaps one mark holds. More come up only while a transaction stays open for long; then the oldest are given up."""


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
    """Everything up to `top` was read, but for the gaps."""

    top: int = 0
    gaps: tuple[CursorGap, ...] = ()

    def covers(self, number: int) -> bool:
        """Whether this number was read, or never will be."""
        return number <= self.top and not any(number in gap for gap in self.gaps)

    def moved(self, seen: Sequence[int], oldest: int, until: int) -> "FeedCursor":
        """The mark after reading the gaps and what follows `top`, with `seen` as all that was there, in order.

        `oldest` is the oldest transaction that was open in the reader's snapshot, `until` one that is younger than
        every transaction that had begun by then.
        """
        left = [part for gap in self.gaps if gap.until > oldest for part in _without(gap, seen)]
        news = [number for number in seen if number > self.top]
        left += [CursorGap(a + 1, b - 1, until) for a, b in pairwise([self.top, *news]) if b - a > 1]
        return FeedCursor(max(self.top, *news) if news else self.top, tuple(left[-MAX_GAPS:]))

    def has_new_gaps(self, seen: Sequence[int]) -> bool:
        """Whether numbers between these are missing that were not missing before."""
        news = [number for number in seen if number > self.top]
        return bool(news) and news[-1] - self.top > len(news)


def cursor_from_recent(base: int, seen: Sequence[int], until: int) -> FeedCursor:
    """Where to begin: after the newest of `seen`, all numbers there are above `base`, with the gaps between them."""
    return FeedCursor(base).moved(seen, 0, until)


def _without(gap: CursorGap, seen: Sequence[int]) -> Iterator[CursorGap]:
    """What is left of a gap when some of its numbers have appeared."""
    filled = [number for number in seen if number in gap]
    for a, b in pairwise([gap.first - 1, *filled, gap.last + 1]):
        if b - a > 1:
            yield CursorGap(a + 1, b - 1, gap.until)
