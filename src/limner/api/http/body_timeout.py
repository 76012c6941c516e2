"""How long a request's body may take.

The time-outs for request heads and responses are in `limner.cli.serving.http_connection`.
"""

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limner.api.http.middleware import AnswerError
from limner.domain.refusal import TooSlow

SLOWEST = 4096
"""Bytes a second that a body has to bring in the long run."""


class BodyTimeout:
    """Refuses a body of which nothing comes for `slow_s` seconds, or less than `SLOWEST` in the long run.

    Only the time that we wait for the sender counts, not what we do with what came.
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
            await self._app(scope, self._patient(receive), send)
        except TooSlow as refusal:
            await self._answer(scope, refusal)(scope, receive, send)

    def _patient(self, receive: Receive) -> Receive:
        waited_s, came, whole = 0.0, 0, False

        async def patient() -> Message:
            nonlocal waited_s, came, whole
            if whole:  # who asks on waits for the end of the connection, and may
                return await receive()
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._slow_s + min(0.0, came / SLOWEST - waited_s)):
                    message = await receive()
            except TimeoutError:
                raise TooSlow from None
            waited_s += time.monotonic() - began
            came += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            return message

        return patient
