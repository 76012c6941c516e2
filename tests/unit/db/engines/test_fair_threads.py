"""Blocking calls of one account leave threads for those of others."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from limner.cli.event_loop.run_loop import run_loop
from limner.db.engines.fair_threads import FairThreads
from limner.ports.acting_account import acting_for

SOON_S = 20.0


class Gate:
    """Calls that wait until it is opened."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self.reached = threading.Semaphore(0)

    def wait(self) -> None:
        self.reached.release()
        assert self._opened.wait(SOON_S)

    def open(self) -> None:
        self._opened.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


def submit(threads: FairThreads, account: str, call: Any, *args: Any) -> "Future[Any]":
    with acting_for(account):
        return threads.submit(call, *args)


def test_an_account_whose_calls_do_not_end_leaves_threads_for_others(gate: Gate) -> None:
    with FairThreads(4, of_account=2) as threads:
        stuck = [submit(threads, "loud", gate.wait) for _ in range(20)]

        assert submit(threads, "quiet", lambda: "done").result(SOON_S) == "done"
        assert submit(threads, "", lambda: "done").result(SOON_S) == "done"

        gate.open()
        assert [each.result(SOON_S) for each in stuck] == [None] * 20


def test_accounts_take_turns_and_keep_the_order_of_their_calls(gate: Gate) -> None:
    made: list[str] = []
    with FairThreads(1, of_account=1) as threads:
        submit(threads, "first", gate.wait)
        gate.reached.acquire()
        for call in ("loud 1", "loud 2", "loud 3", "quiet 1", "quiet 2"):
            submit(threads, call.split()[0], made.append, call)
        gate.open()

    assert made == ["loud 1", "quiet 1", "loud 2", "quiet 2", "loud 3"]


def test_a_cancelled_call_is_left_out(gate: Gate) -> None:
    made: list[int] = []
    with FairThreads(1, of_account=1) as threads:
        submit(threads, "ada", gate.wait)
        gate.reached.acquire()
        calls = [submit(threads, "ada", made.append, number) for number in range(3)]
        calls[1].cancel()
        gate.open()

    assert made == [0, 2]


def test_the_error_of_a_call_is_its_callers() -> None:
    with FairThreads(1) as threads:
        failed = submit(threads, "ada", int, "x")

        with pytest.raises(ValueError, match="invalid literal"):
            failed.result(SOON_S)
        assert submit(threads, "ada", int, "1").result(SOON_S) == 1


def test_a_pool_that_was_shut_down_takes_no_call() -> None:
    threads = FairThreads(1)
    threads.shutdown()

    with pytest.raises(RuntimeError, match="shutdown"):
        submit(threads, "ada", int)


def test_services_run_their_blocking_calls_in_it(gate: Gate) -> None:
    async def of(account: str, call: Any) -> None:
        with acting_for(account):
            await asyncio.to_thread(call)

    async def service() -> None:
        async with asyncio.TaskGroup() as group, asyncio.timeout(SOON_S):
            for _ in range(100):
                group.create_task(of("loud", gate.wait))
            await of("quiet", gate.open)

    work: Coroutine[Any, Any, None] = service()
    assert run_loop(work) is None
