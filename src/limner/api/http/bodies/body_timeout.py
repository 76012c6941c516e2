"""Timeouts for request bodies.

The time-outs for request heads and responses are in `limner.cli.serving.http_connection`.
"""

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limner.api.http.middleware import AnswerError
from limner.domain.refusal import TooSlow

MIN_BYTES_PER_S = 4096
"""Minimum average bytes a second of a body."""


class BodyTimeout:
    """Refuses a body that is silent for `slow_s` seconds or averages less than `MIN_BYTES_PER_S`.

    Only time spent waiting for the client counts.
    """

    def __init__(self, app: ASGIApp, answer: AnswerError, slow_s: float) -> None:
        self._app = app
        self._answer = answer
        self._slow_s = slow_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, self._timed(receive), send)
        except TooSlow as refusal:
            await self._answer(scope, refusal)(scope, receive, send)

    def _timed(self, receive: Receive) -> Receive:
        waited_s, received, complete = 0.0, 0, False

        async def timed_receive() -> Message:
            nonlocal waited_s, received, complete
            if complete:  # after the body, receive() waits for the disconnect, without a limit
                return await receive()
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._slow_s + min(0.0, received / MIN_BYTES_PER_S - waited_s)):
                    message = await receive()
            except TimeoutError:
                raise TooSlow from None
            waited_s += time.monotonic() - began
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            return message

        return timed_receive
