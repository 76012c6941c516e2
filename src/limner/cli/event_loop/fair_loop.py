"""An event loop on which accounts take turns.

A service is one process with one loop: without turns, every step of a request waits for all steps of all other
requests that are ready, so that an account with a hundred requests makes everybody's slow.
"""

import asyncio
import time
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final, TypeVarTuple, Unpack

import uvloop

from limner.cli.event_loop.account_lines import AccountLines
from limner.cli.event_loop.switch_interval import SwitchInterval
from limner.ports.acting_account import account_in, shared_work

Ts = TypeVarTuple("Ts")

TURNS_S: Final = 0.0003
"""Callbacks of accounts run for this long, then the loop looks for input, which costs some 10 µs."""


class FairLoop(uvloop.Loop):
    """Runs callbacks of the account that used the loop the least; those of no account run at once, as usual.

    The account is the acting account in a callback's context: a task's, for its steps. The callbacks of one account
    keep their order. Where the callbacks of no account fill the loop, accounts get half of its time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines = AccountLines()
        self._switching = SwitchInterval()
        self._waiting_since_s = 0.0  # in the thread's CPU time: others may hold the interpreter lock meanwhile

    def close(self) -> None:
        """Close the loop. What still waits never runs, and `call_soon` raises `RuntimeError` from now on."""
        super().close()
        self._lines = AccountLines()

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        account = account_in(context)
        if not account:
            return super().call_soon(callback, *args, context=context)
        if account != self._switching.account:
            self._switching.changes(account)
        if not self._lines:
            self._schedule_turns()
        handle = asyncio.Handle(callback, args, self, context)
        self._lines.add(account, handle)
        return handle

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        """As usual, but what waits for it can be cancelled at any time.

        uvloop crashes where it closes a transport in the iteration that made it, and a whole turn is one iteration. So
        a connection that nobody waits for any more is made to its end, within the time for its handshake, and closed.
        """
        connecting = self.create_task(super().create_connection(*args, **options))
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(_close)
            raise

    def _schedule_turns(self) -> None:
        super().call_soon(self._take_turns, context=shared_work())
        self._waiting_since_s = time.thread_time()

    def _take_turns(self) -> None:
        now_s = time.perf_counter()
        self._switching.passes(now_s)
        until_s = now_s + max(TURNS_S, time.thread_time() - self._waiting_since_s)
        try:
            while self._lines and now_s < until_s:
                now_s = self._lines.run_next(now_s, until_s)
        finally:  # a KeyboardInterrupt ends the run, and what cleans up after it runs on this loop
            if self._lines:
                self._schedule_turns()


def _close(connecting: "asyncio.Task[Any]") -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result()[0].abort()
