"""Middleware: a request of somebody who has many waits for that one's turn before anything is done for it."""

import asyncio
from collections.abc import Callable

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from limner.api.http.load_shedding import IN_PROCESS, NEVER_SHED
from limner.ports.acting_account import act_for


class AccountTurn:
    """Charges a request to the account of its key as soon as it begins, or to its client's network.

    On an event loop on which accounts take turns (`limner serve`), the rest of the request runs when it is the
    account's turn. Whether the key may do what it asks for is decided by the route, as always.
    """

    def __init__(self, app: ASGIApp, charged_to: Callable[[HTTPConnection], str]) -> None:
        self._app = app
        self._charged_to = charged_to

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._takes_turn(scope):
            act_for(self._charged_to(HTTPConnection(scope)))
            await asyncio.sleep(0)
        await self._app(scope, receive, send)

    @staticmethod
    def _takes_turn(scope: Scope) -> bool:
        """A request that the server makes for another is part of that one's turn, and charged as that one is."""
        return scope["type"] in {"http", "websocket"} and scope["path"] not in NEVER_SHED and IN_PROCESS not in scope
