"""Reading a feed whose numbers come out of order: each is read once, whenever its transaction ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.domain.tasks.cursor import MAX_GAPS, CursorGap, FeedCursor, cursor_from_recent

NOBODY = 10_000
"""The oldest open transaction when none is open."""


def test_what_was_seen_is_covered_and_the_gaps_are_not() -> None:
    mark = FeedCursor().advanced([1, 2, 5], oldest=7, until=9)

    assert mark == FeedCursor(5, (CursorGap(3, 4, 9),))
    assert [number for number in range(1, 8) if mark.covers(number)] == [1, 2, 5]


def test_a_gap_closes_when_its_number_appears() -> None:
    mark = FeedCursor(5, (CursorGap(3, 4, 9),)).advanced([4], oldest=7, until=0)

    assert mark == FeedCursor(5, (CursorGap(3, 3, 9),))


def test_a_gap_is_given_up_when_all_who_were_open_have_ended() -> None:
    gap = FeedCursor(5, (CursorGap(3, 4, 9),))

    assert gap.advanced([], oldest=8, until=0) == gap
    assert gap.advanced([], oldest=9, until=0) == FeedCursor(5)


def test_whether_new_gaps_appear_is_known_before() -> None:
    mark = FeedCursor(5, (CursorGap(3, 3, 9),))

    assert not mark.has_new_gaps([])
    assert not mark.has_new_gaps([3, 6, 7])
    assert mark.has_new_gaps([3, 7])


def test_the_beginning_looks_back_for_what_is_late() -> None:
    assert cursor_from_recent(2, [3, 4, 7], until=9) == FeedCursor(7, (CursorGap(5, 6, 9),))
    assert cursor_from_recent(0, [3], until=9) == FeedCursor(3, (CursorGap(1, 2, 9),))
    assert cursor_from_recent(0, [], until=9) == FeedCursor()


def test_gaps_are_bounded() -> None:
    mark = FeedCursor().advanced(range(2, 4 * MAX_GAPS, 2), oldest=1, until=2)

    assert len(mark.gaps) == MAX_GAPS
    assert mark.gaps[-1].last == mark.top - 1


@dataclass
class Database:
    """Gives out numbers at once and shows them when their transaction is committed."""

    number: int = 0
    transaction: int = 0
    open: dict[int, list[int]] = field(default_factory=dict)
    shown: list[int] = field(default_factory=list)

    def begin(self) -> None:
        self.transaction += 1
        self.open[self.transaction] = []

    def write(self, which: int) -> None:
        if self.open:
            self.number += 1
            self._one(which).append(self.number)

    def end(self, which: int, *, commits: bool) -> None:
        if self.open:
            transaction = sorted(self.open)[which % len(self.open)]
            written = self.open.pop(transaction)
            self.shown += written if commits else []

    def read(self, mark: FeedCursor, limit: int) -> tuple[Sequence[int], FeedCursor]:
        late = [n for n in self.shown if any(n in gap for gap in mark.gaps)]
        new = sorted(n for n in self.shown if n > mark.top)[:limit]
        seen = sorted(late) + new
        return seen, mark.advanced(seen, min(self.open, default=self.transaction + 1), self.transaction + 1)

    def _one(self, which: int) -> list[int]:
        return self.open[sorted(self.open)[which % len(self.open)]]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin")),
        st.tuples(st.just("write"), st.integers(0, 5)),
        st.tuples(st.just("commit"), st.integers(0, 5)),
        st.tuples(st.just("roll back"), st.integers(0, 5)),
        st.tuples(st.just("read"), st.integers(1, 4)),
    ),
    max_size=80,
)


@given(STEPS)
def test_every_number_is_read_once_in_whatever_order_transactions_end(steps: list[tuple[str, int]]) -> None:
    database, mark, read = Database(), FeedCursor(), []
    for step, *which in steps:
        match step:
            case "begin":
                database.begin()
            case "write":
                database.write(*which)
            case "commit" | "roll back":
                database.end(*which, commits=step == "commit")
            case "read":
                seen, mark = database.read(mark, *which)
                read += seen
    while database.open:
        database.end(0, commits=True)
    for _ in range(database.number + 1):
        seen, mark = database.read(mark, 4)
        read += seen

    assert sorted(read) == sorted(database.shown)
    assert all(mark.covers(number) for number in read)
    assert not mark.gaps


@pytest.mark.parametrize("careless", ["never looks back", "gives up too early"])
def test_the_check_above_would_notice_a_reader_that_is_careless(careless: str) -> None:
    database, mark = Database(), FeedCursor()
    for _ in range(2):
        database.begin()
    database.write(0)
    database.write(1)
    database.end(1, commits=True)
    first, mark = database.read(mark, 4)
    mark = FeedCursor(mark.top) if careless == "never looks back" else mark.advanced([], oldest=NOBODY, until=0)
    database.end(0, commits=True)
    second, _ = database.read(mark, 4)

    assert [*first, *second] == [2]
