"""Name resolution with the system's resolver, with a limit for each account."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from limner.application.accounts.fair_share import FairShare
from limner.ports.acting_account import current_account

MAX_LOOKUPS = 64
"""Look-ups at once, without those that took longer than `SLOW_S`."""

MAX_LOOKUPS_PER_ACCOUNT = 4
"""A look-up cannot be cancelled: a name whose servers never answer holds its thread for half a minute or more."""

SLOW_S = 1.0
"""A look-up that takes longer no longer keeps those of other accounts from starting: most are answered in less."""

MAX_THREADS = 512
"""Look-ups that have a thread, the slow ones included."""

TIMEOUT_S = 10.0
"""How long a caller waits for a look-up, including the wait for its account's share."""

_Key = tuple[str, str, int, int]
_AddressInfo = Callable[..., list[Any]]


class SystemResolver(AbstractResolver):
    """getaddrinfo in dedicated threads, so that it honours /etc/hosts, nsswitch.conf and resolv.conf.

    Look-ups are charged to the current account (`fair_share`) until their thread ends, even when the caller has given
    up. Equal look-ups of one account share a thread. Bound to one event loop.
    """

    def __init__(
        self,
        timeout_s: float = TIMEOUT_S,
        getaddrinfo: _AddressInfo = socket.getaddrinfo,
        slow_s: float = SLOW_S,
    ) -> None:
        self._timeout_s = timeout_s
        self._getaddrinfo = getaddrinfo
        self._slow_s = slow_s
        self._threads = FairShare(MAX_THREADS, MAX_LOOKUPS_PER_ACCOUNT)
        self._quick = FairShare(MAX_LOOKUPS, MAX_LOOKUPS_PER_ACCOUNT)
        self._running: dict[_Key, asyncio.Future[list[Any]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises `OSError`, also when there is no answer within `timeout_s`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                rows = await self._look_up((current_account(), host, port, int(family)))
        except TimeoutError:
            raise OSError(None, f"the name was not resolved within {self._timeout_s:g} s") from None
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in rows
        ]

    async def close(self) -> None:
        """Nothing to close: the threads are daemons and end with their look-ups."""

    async def _look_up(self, key: _Key) -> list[Any]:
        if key not in self._running:
            with contextlib.ExitStack() as held:
                for share in (self._threads, self._quick):
                    held.callback(share.release, *await share.acquire())
                if key not in self._running:
                    self._start(key)
                    held.pop_all()
        return await asyncio.shield(self._running[key])

    def _start(self, key: _Key) -> None:
        """Look up in a thread, which holds a unit of both shares of the key's account."""
        loop = asyncio.get_running_loop()
        quick = contextlib.ExitStack()
        quick.callback(self._quick.release, key[0], 1)
        slow = loop.call_later(self._slow_s, quick.close)
        answer: asyncio.Future[list[Any]] = loop.create_future()
        self._running[key] = answer

        def end(rows: list[Any], error: Exception | None) -> None:
            del self._running[key]
            self._threads.release(key[0], 1)
            slow.cancel()
            quick.close()  # does nothing a second time
            if error:
                answer.set_exception(error)
                answer.exception()  # marks it as retrieved: there may be no caller left
            else:
                answer.set_result(rows)

        def look_up() -> None:
            rows, error = self._answer(key)
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(end, rows, error)

        # Not an executor: the interpreter would wait for its threads at exit.
        threading.Thread(target=look_up, name=f"limner-name-{key[1][:40]}", daemon=True).start()

    def _answer(self, key: _Key) -> tuple[list[Any], Exception | None]:
        _, host, port, family = key
        try:
            return self._getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG), None
        except Exception as error:  # noqa: BLE001 - raised in the callers; uncaught it would hold the share for ever
            return [], error
