"""Middleware: a request of an account that has many waits for its account's turn before anything is done for it."""

import asyncio
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from limner.ports.acting_account import act_for


class AccountTurn:
    """Charges a request to the account of its key as soon as it begins, where the key was seen before.

    On an event loop on which accounts take turns (`limner serve`), the rest of the request runs when it is the
    account's turn. Whether the key may do what it asks for is decided by the route, as always.
    """

    def __init__(self, app: ASGIApp, known_account: Callable[[str | None], str]) -> None:
        self._app = app
        self._known_account = known_account

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (account := self._known_account(Headers(scope=scope).get("authorization"))):
            act_for(account)
            await asyncio.sleep(0)
        await self._app(scope, receive, send)
