"""A queue of units of work in which accounts take turns."""

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """What waits, one line for each account. Within a line, first come is first served. Not safe for threads."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[T]] = {}  # the account whose turn it is comes first

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, account: str, item: T) -> None:
        self._lines.setdefault(account, deque()).append(item)

    def take(self, most: int) -> list[T]:
        """Up to `most`, one of each account after the other."""
        taken: list[T] = []
        while self._lines and len(taken) < most:
            account = next(iter(self._lines))
            line = self._lines.pop(account)
            taken.append(line.popleft())
            if line:
                self._lines[account] = line
        return taken
