"""The account that a request is charged to before its key was checked."""

from typing import Any

from starlette.types import Message, Receive, Scope, Send

from limner.api.http.account_turn import AccountTurn
from limner.api.http.load_shedding import IN_PROCESS
from limner.ports.acting_account import acting_for, current_account

KNOWN = {"Bearer tsk_ada": "ada"}


async def charged(authorization: str | None, **scope: Any) -> str:
    seen: list[str] = []

    async def application(_scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(current_account())

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        pass

    headers = [(b"authorization", authorization.encode())] if authorization else []
    middleware = AccountTurn(application, lambda request: KNOWN.get(request.headers.get("authorization"), "client"))
    await middleware({"type": "http", "headers": headers, "path": "/", **scope}, receive, send)
    return seen[0]


async def test_a_request_with_a_known_key_is_charged_to_its_account_from_the_start() -> None:
    assert await charged("Bearer tsk_ada") == "ada"


async def test_other_requests_are_charged_to_their_client_until_they_are_authenticated() -> None:
    assert await charged("Bearer tsk_wrong") == "client"
    assert await charged(None) == "client"
    assert await charged(None, type="websocket") == "client"


async def test_health_checks_wait_for_nobody() -> None:
    assert await charged(None, path="/healthz") == ""


async def test_a_request_that_another_makes_is_charged_as_that_one_is() -> None:
    with acting_for("grace"):
        assert await charged("Bearer tsk_ada", **{IN_PROCESS: True}) == "grace"
