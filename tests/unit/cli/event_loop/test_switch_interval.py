"""The interpreter lock is handed over soon where accounts wait for each other, and seldom where one is alone."""

import asyncio
import sys
import time
from collections.abc import Iterator

import pytest

from limner.ports.acting_account import acting_for

uvloop = pytest.importorskip("uvloop")

from limner.cli.event_loop.fair_loop import FairLoop  # noqa: E402 - imports uvloop
from limner.cli.event_loop.switch_interval import ALONE_S, REMEMBERED_S, SHARED_S, SwitchInterval  # noqa: E402


@pytest.fixture(autouse=True)
def interval() -> Iterator[None]:
    before_s = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before_s)


def test_one_account_is_alone() -> None:
    SwitchInterval().changes("one")

    assert sys.getswitchinterval() == pytest.approx(ALONE_S)


def test_a_second_account_is_waited_for_less() -> None:
    switching = SwitchInterval()

    switching.changes("one")
    switching.changes("other")

    assert sys.getswitchinterval() == pytest.approx(SHARED_S)


def test_an_account_counts_for_a_while_after_it_acted() -> None:
    switching = SwitchInterval()
    switching.changes("one")
    switching.changes("other")
    now_s = time.perf_counter()

    switching.passes(now_s)
    assert sys.getswitchinterval() == pytest.approx(SHARED_S)
    switching.passes(now_s + 2 * REMEMBERED_S)
    assert sys.getswitchinterval() == pytest.approx(ALONE_S)


def test_the_loop_sees_which_accounts_act() -> None:
    async def act() -> None:
        await asyncio.sleep(0)

    async def both() -> None:
        for account in ("one", "other"):
            with acting_for(account):
                await asyncio.create_task(act())

    with asyncio.Runner(loop_factory=FairLoop) as runner:
        runner.run(both())

    assert sys.getswitchinterval() == pytest.approx(SHARED_S)
