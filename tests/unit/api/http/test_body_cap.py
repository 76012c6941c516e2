"""A body without a declared length is counted while it is received."""

import pytest
from starlette.types import Message, Receive, Scope, Send

from limner.api.http.middleware import LARGEST_JSON, BodyCap
from limner.domain.refusal import Refusal

PIECE = 64 * 1024
SCOPE: Scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", b"application/json")]}


async def read_all(_scope: Scope, receive: Receive, _send: Send) -> None:
    while (await receive())["more_body"]:
        pass


async def receive_pieces(count: int) -> None:
    pieces = iter(range(count, 0, -1))

    async def receive() -> Message:
        return {"type": "http.request", "body": bytes(PIECE), "more_body": next(pieces) > 1}

    async def send(_message: Message) -> None:
        raise AssertionError("nothing is answered here")

    def answer(_scope: Scope, refusal: Refusal) -> None:
        raise AssertionError(refusal)

    await BodyCap(read_all, answer)(SCOPE, receive, send)  # type: ignore[arg-type]


async def test_a_body_up_to_the_limit_is_received() -> None:
    await receive_pieces(LARGEST_JSON // PIECE)


async def test_a_larger_body_is_refused_while_it_is_received() -> None:
    with pytest.raises(Refusal):
        await receive_pieces(LARGEST_JSON // PIECE + 2)
