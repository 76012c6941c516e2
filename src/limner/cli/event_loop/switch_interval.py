"""How long a thread may keep the others from the interpreter."""

import sys
import time
from typing import Final

SHARED_S: Final = 0.00005
"""While several accounts act. The event loop waits for the interpreter lock after each look for input, and a thread
that writes rows after each statement: with Python's default of 5 ms, one busy account would add 5 ms to each of those
steps of all others."""

ALONE_S: Final = 0.0005
"""While one account acts, which delays nobody but itself. Each exchange of the lock costs two switches between threads:
a task of 1 KB costs 14 % less CPU than with `SHARED_S`."""

REMEMBERED_S: Final = 3.0
"""How long an account counts after it acted."""


class SwitchInterval:
    """Sets Python's switch interval by the number of accounts that act."""

    def __init__(self) -> None:
        self.account = ""
        """The one that acted last."""
        self._shared_until_s = 0.0
        self._set(ALONE_S)

    def changes(self, account: str) -> None:
        """Another account acts than the one before."""
        if self.account:
            self._shared_until_s = time.perf_counter() + REMEMBERED_S
            if self._seconds != SHARED_S:
                self._set(SHARED_S)
        self.account = account

    def passes(self, now_s: float) -> None:
        """It is `now_s` by `time.perf_counter()`."""
        if self._seconds != ALONE_S and now_s > self._shared_until_s:
            self._set(ALONE_S)

    def _set(self, seconds: float) -> None:
        self._seconds = seconds
        sys.setswitchinterval(seconds)
