"""An account with much to do delays each step of another by one of its own, not by all of them."""

import asyncio
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Coroutine, Iterator
from contextvars import Context
from typing import Any

import pytest

from limner.ports.acting_account import acting_for, shared_work

uvloop = pytest.importorskip("uvloop")

from limner.cli.event_loop.account_lines import AccountLines  # noqa: E402
from limner.cli.event_loop.fair_loop import FairLoop  # noqa: E402 - imports uvloop

STEP_S = 0.0005
STEPS = 40


@pytest.fixture
def loop() -> Iterator[FairLoop]:
    with asyncio.Runner(loop_factory=FairLoop) as runner:
        yield runner.get_loop()  # type: ignore[misc]


class Journal:
    """Who ran, step by step."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    async def steps_of(self, account: str, steps: int, step_s: float = STEP_S) -> None:
        for _ in range(steps):
            self.steps.append(account)
            until_s = time.perf_counter() + step_s
            while time.perf_counter() < until_s:
                pass
            await asyncio.sleep(0)


def begin(account: str, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    with acting_for(account):
        return asyncio.create_task(work)


def test_a_quiet_account_is_not_behind_all_requests_of_a_loud_one(loop: FairLoop) -> None:
    journal = Journal()

    async def both() -> None:
        loud = [begin("loud", journal.steps_of("loud", 10)) for _ in range(STEPS)]
        await begin("quiet", journal.steps_of("quiet", 5))
        await asyncio.gather(*loud)

    loop.run_until_complete(both())

    last_of_quiet = len(journal.steps) - 1 - journal.steps[::-1].index("quiet")
    assert journal.steps.count("loud") == 10 * STEPS
    assert last_of_quiet < STEPS, "its five steps come between the first of the other's"


def test_accounts_get_equal_times_not_equal_numbers_of_steps(loop: FairLoop) -> None:
    journal = Journal()

    async def both() -> None:
        slow = begin("slow", journal.steps_of("slow", STEPS, 8 * STEP_S))
        await begin("fast", journal.steps_of("fast", STEPS))
        slow.cancel()

    loop.run_until_complete(both())

    assert journal.steps.count("slow") < STEPS // 2


def test_what_belongs_to_no_account_waits_for_none(loop: FairLoop) -> None:
    journal = Journal()

    async def both() -> None:
        loud = [begin("loud", journal.steps_of("loud", 2)) for _ in range(STEPS)]
        await asyncio.create_task(journal.steps_of("", 2))
        await asyncio.gather(*loud)

    loop.run_until_complete(both())

    assert journal.steps.index("") < STEPS // 2


def test_what_belongs_to_no_account_leaves_accounts_half_of_the_time(loop: FairLoop) -> None:
    journal = Journal()

    async def both() -> None:
        shared = [asyncio.create_task(journal.steps_of("", STEPS)) for _ in range(STEPS)]
        await begin("quiet", journal.steps_of("quiet", STEPS))
        for each in shared:
            each.cancel()

    loop.run_until_complete(both())

    assert journal.steps.count("") < 10 * STEPS, "not all of the others' steps for each of its own"


def test_a_closed_loop_takes_no_callback_of_an_account_that_has_some() -> None:
    loop = FairLoop()
    with acting_for("ada"):
        loop.call_soon(print)
        loop.close()

        with pytest.raises(RuntimeError, match="closed"):
            loop.call_soon(print)


def test_accounts_that_come_and_go_while_the_loop_is_busy_leave_no_memory(loop: FairLoop) -> None:
    lines = AccountLines()

    def pass_by(number: int) -> None:
        lines.add(f"account-{number}", asyncio.Handle(int, (), loop))

    def stay() -> None:
        lines.add("busy", asyncio.Handle(stay, (), loop))

    stay()
    tracemalloc.start()
    for number in range(10_000):
        pass_by(number)
        lines.run_next(time.perf_counter(), 0)
        lines.run_next(time.perf_counter(), 0)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept < 500_000, "as much as some thousand accounts take"


def test_callbacks_of_an_account_keep_their_order_and_can_be_cancelled(loop: FairLoop) -> None:
    seen: list[int] = []

    async def add() -> None:
        with acting_for("ada"):
            handles = [loop.call_soon(seen.append, number) for number in range(5)]
        handles[2].cancel()
        await begin("ada", asyncio.sleep(0))

    loop.run_until_complete(add())

    assert seen == [0, 1, 3, 4]


def test_an_error_in_a_callback_stops_nothing(loop: FairLoop) -> None:
    seen: list[Any] = []
    loop.set_exception_handler(lambda _, context: seen.append(context["exception"]))

    async def fail() -> None:
        with acting_for("ada"):
            loop.call_soon(lambda: 1 // 0)
        await begin("ada", asyncio.sleep(0))

    loop.run_until_complete(fail())

    assert [type(each) for each in seen] == [ZeroDivisionError]


def test_an_interrupt_in_a_callback_leaves_a_loop_that_goes_on(loop: FairLoop) -> None:
    journal = Journal()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with acting_for("ada"):
        loop.call_soon(interrupt)
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(journal.steps_of("ada", 3))
        loop.run_until_complete(journal.steps_of("ada", 3))

    assert len(journal.steps) >= 3


def test_shared_work_has_no_account() -> None:
    with acting_for("ada"):
        shared: Context = shared_work()

    assert not list(shared)


CANCELS_A_CONNECTION = """
import asyncio, socket
from limner.cli.event_loop.fair_loop import FairLoop
from limner.ports.acting_account import acting_for

async def main():
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener, acting_for("ada"):
        for turns in range(4):
            sock = socket.create_connection(listener.getsockname())
            sock.setblocking(False)
            connecting = asyncio.create_task(loop.create_connection(asyncio.Protocol, sock=sock))
            await asyncio.create_task(cancel(connecting, turns))
            accepted, _ = listener.accept()
            accepted.settimeout(20)
            assert await asyncio.to_thread(accepted.recv, 1) == b"", "it is still open"
            accepted.close()

async def cancel(connecting, turns):
    for _ in range(turns):
        await asyncio.sleep(0)
    connecting.cancel()
    await asyncio.gather(connecting, return_exceptions=True)

with asyncio.Runner(loop_factory=FairLoop) as runner:
    runner.run(main())
"""


def test_a_connection_that_is_cancelled_in_the_turn_that_makes_it_ends_no_process() -> None:
    """In a process of its own: uvloop crashed."""
    done = subprocess.run([sys.executable, "-c", CANCELS_A_CONNECTION], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
