"""A pool of threads in which accounts take turns: of SQL on PostgreSQL, and the default pool of services."""

import os
import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from limner.ports.acting_account import current_account

P = ParamSpec("P")
T = TypeVar("T")

OF_ACCOUNT: Final = min(32, (os.cpu_count() or 1) + 4)
"""As many as asyncio's own pool has, so that an account alone gets no fewer than there."""

THREADS: Final = 2 * OF_ACCOUNT


class FairThreads(ThreadPoolExecutor):
    """Runs blocking calls: the account that waits the longest goes next, and one may use `of_account` threads.

    A call is charged to the acting account. Calls of no account, which are the service's own, may use all threads.
    """

    def __init__(self, threads: int = THREADS, of_account: int = OF_ACCOUNT, name: str = "limner-calls") -> None:
        super().__init__(threads, thread_name_prefix=name)
        self._of_account = of_account
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Callable[[], None]]] = {}  # the account whose turn it is comes first
        self._running: Counter[str] = Counter()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        outcome: Future[T] = Future()
        account, call = current_account(), partial(_perform, outcome, partial(fn, *args, **kwargs))
        with self._lock:
            super().submit(self._work)  # raises after a shutdown
            self._waiting.setdefault(account, deque()).append(call)
        return outcome

    def _work(self) -> None:
        """Make calls until none may be made. The threads of an account that has its share make its next ones."""
        while taken := self._take():
            account, call = taken
            try:
                call()
            finally:
                with self._lock:
                    self._running[account] -= 1
                    if not self._running[account]:
                        del self._running[account]

    def _take(self) -> tuple[str, Callable[[], None]] | None:
        with self._lock:
            account = next(filter(self._may_run, self._waiting), None)
            if account is None:
                return None
            self._running[account] += 1
            line = self._waiting.pop(account)
            call = line.popleft()
            if line:
                self._waiting[account] = line  # behind the others
            return account, call

    def _may_run(self, account: str) -> bool:
        return not account or self._running[account] < self._of_account


def _perform(outcome: "Future[Any]", call: Callable[[], Any]) -> None:
    if not outcome.set_running_or_notify_cancel():
        return
    try:
        outcome.set_result(call())
    except BaseException as error:  # noqa: BLE001 - the caller that waits gets the error
        outcome.set_exception(error)
