"""Every route of the application asks for a key with the scope that the route needs, but for a few that are open."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import BaseRoute, Route, WebSocketRoute

from contract.client import Answer, Client, newcomer
from limner.application.accounts.manage import SCOPES
from limner.asgi import application
from limner.bootstrap import build, prepare_data
from limner.settings import Settings
from serving import Served

OPEN = {
    "GET /files/{tag}/{task_id}/{name}": "its link is signed",
    "PUT /v3/files/{tag}/{token}": "its link is signed",
    "GET /healthz": "says nothing about anybody",
    "GET /readyz": "says nothing about anybody",
    "GET /": "says what is public",
    "GET /docs": "says what is public",
    "GET /docs/{call}": "says what is public",
    "GET /openapi.json": "says what is public",
    "GET /asyncapi.json": "says what is public",
}
NOBODY = "00000000-0000-4000-8000-000000000000"
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


async def routes_of(data: Path) -> list[BaseRoute]:
    settings = Settings(data=data, engine="sandbox")
    await asyncio.to_thread(prepare_data, settings)
    limner = await asyncio.to_thread(build, settings)
    try:
        return list(application(limner, worker=None).routes)
    finally:
        await limner.close()


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[BaseRoute]:
    return asyncio.run(routes_of(tmp_path_factory.mktemp("routes") / "data"))


NOT_ALLOWED = {(403, 1005), (403, "insufficient_permissions")}
"""In the envelopes of Tripo and of OpenAI."""

ADMIN = ("/admin/", "/metrics")
"""How the paths of operators begin."""


@pytest.fixture(scope="module")
def admin(idle: Served) -> Client:
    """A client whose key has the operators' scope alone."""
    return newcomer(idle, scopes=("admin",))


@pytest.fixture(scope="module")
def customer(idle: Served) -> Client:
    """A client whose key has every scope but the operators'."""
    return newcomer(idle, scopes=tuple(scope for scope in SCOPES if scope != "admin"))


def calls(routes: list[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Method and path of each HTTP call but the Studio's, whose pages know their visitor by a cookie."""
    for route in routes:
        if isinstance(route, Route) and not route.path.startswith("/studio"):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield method, route.path


def filled(path: str) -> str:
    return re.sub(r"{\w+(:\w+)?}", NOBODY, path)


def ask(client: Client, method: str, path: str) -> Answer:
    body = None if method == "GET" else b"{}"
    return client.call(method, filled(path), body, {"Content-Type": "application/json"})


def code(answer: Answer) -> tuple[int, Any]:
    """The status and the code, of whichever envelope."""
    body = answer.json
    return answer.status, body["code"] if "code" in body else body["error"]["code"]


def test_the_application_has_the_routes_that_this_is_about(routes: list[BaseRoute]) -> None:
    found = {f"{method} {path}" for method, path in calls(routes)}

    assert found > OPEN.keys()
    assert len(found) > 20
    assert sum(isinstance(route, WebSocketRoute) for route in routes) > 2
    assert all(isinstance(route, Route | WebSocketRoute) for route in routes)


def test_every_route_but_the_public_ones_needs_a_key(routes: list[BaseRoute], idle: Served) -> None:
    nobody = Client(idle.url)
    open_ = [f"{method} {path}" for method, path in calls(routes) if ask(nobody, method, path).status != 401]

    assert sorted(open_) == sorted(OPEN)


def test_every_route_needs_a_scope(routes: list[BaseRoute], admin: Client, customer: Client) -> None:
    guarded = [(method, path) for method, path in calls(routes) if f"{method} {path}" not in OPEN]
    answers = {
        f"{method} {path}": ask(customer if path.startswith(ADMIN) else admin, method, path) for method, path in guarded
    }

    assert {name: answer.body for name, answer in answers.items() if code(answer) not in NOT_ALLOWED} == {}
    named = {re.findall(r"scope '?`?(\w+)", answer.body.decode())[0] for answer in answers.values()}
    assert named <= set(SCOPES)


def test_what_is_open_by_a_signature_is_shut_without_one(idle: Served) -> None:
    nobody = Client(idle.url)
    signed = [name.split() for name, why in OPEN.items() if "signed" in why]

    assert [code(ask(nobody, method, path)) for method, path in signed] == [(403, 1005)] * len(signed)


def test_every_websocket_needs_a_key_and_a_scope(routes: list[BaseRoute], idle: Served, admin: Client) -> None:
    paths = [route.path for route in routes if isinstance(route, WebSocketRoute) and route.path.startswith("/v")]
    answers = [client.get(filled(path), HANDSHAKE) for client in (Client(idle.url), admin) for path in paths]

    assert len(paths) == 3
    assert [code(answer) for answer in answers] == [(401, 1002)] * 3 + [(403, 1005)] * 3


def test_a_wrong_key_is_never_answered_before_a_wrong_body(idle: Served) -> None:
    """Else a caller without a key could learn what the service takes, and make it parse."""
    answer = Client(idle.url).post("/task", b"{not json")

    assert code(answer) == (401, 1002)


def test_a_key_that_has_expired_is_no_key(idle: Served) -> None:
    made = idle.cli("keys", "create", "--expires", "2020-01-31")
    answer = Client(idle.url, made["key"]).create()

    assert made["expires_ms"] == 1580428800000
    assert answer.refusal == (401, 1002)


def test_a_key_may_have_limits_of_its_own(idle: Served) -> None:
    made = idle.cli("keys", "create", "--tasks", "2", "--credits", "11")
    client = Client(idle.url, made["key"])
    before = [client.create().refusal if n > 1 else client.create().status for n in range(3)]
    idle.cli("keys", "limit", made["id"], "--tasks", "none")
    after = client.create()

    assert before == [200, 200, (429, 2000)]
    assert after.refusal == (403, 2010)
    assert "may spend 1 more in all" in after.suggestion
