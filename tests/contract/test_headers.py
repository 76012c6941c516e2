"""What an answer may do in a browser: nothing."""

from collections.abc import Callable

import pytest

from contract.client import BASE, Answer, Client
from limner.api.http.headers import PLAIN

NOBODY = "00000000-0000-4000-8000-000000000000"
CALLS: dict[str, Callable[[Client], Answer]] = {
    "create": lambda client: client.create(),
    "balance": lambda client: client.get(f"{BASE}/user/balance"),
    "unknown task": lambda client: client.get(f"{BASE}/task/{NOBODY}"),
    "no key": lambda client: client.as_(None).get(f"{BASE}/user/balance"),
    "unknown path": lambda client: client.get("/%3Cscript%3Ealert(1)%3C/script%3E"),
    "v3": lambda client: client.get("/v3/account/balance"),
    "health": lambda client: client.get("/healthz"),
    "no form": lambda client: client.post("/upload", b"<html>"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_answer_is_plain(client: Client, call: Callable[[Client], Answer]) -> None:
    headers = call(client).headers

    assert headers["Content-Type"] == "application/json"
    assert {name: headers.get_all(name.decode()) for name in PLAIN} == {
        name: [value.decode()] for name, value in PLAIN.items()
    }
    assert headers["Server"] is None


def test_the_documentation_runs_only_our_scripts_and_stands_in_no_frame(client: Client) -> None:
    headers = client.get("/docs").headers

    (policy,) = headers.get_all("Content-Security-Policy")
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert {allowed[name] for name in ("script-src", "style-src", "connect-src", "form-action")} == {"'self'"}
    assert {allowed[name] for name in ("default-src", "base-uri", "frame-ancestors")} == {"'none'"}
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_handler_s_own_headers_are_not_doubled(client: Client) -> None:
    url = client.done()["output"]["generated_image"]
    headers = client.get(url).headers

    assert {name: len(headers.get_all(name.decode(), [])) for name in PLAIN} == dict.fromkeys(PLAIN, 1)
    assert headers["Cache-Control"].startswith("private")
