"""Each route of the OpenAPI document that takes an id answers another account's as one that does not exist."""

import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from contract.client import Answer, Client, newcomer
from serving import Served

SCOPES = ("generate", "read", "webhooks")
MISSING = {
    "task_id": "11111111-2222-4333-8444-555555555555",
    "webhook_id": "66666666-7777-4888-8999-aaaaaaaaaaaa",
    "delivery_id": "msg_" + "1" * 32,
    "slug": "no-such-template",
    "refusal_id": "22222222-3333-4444-8555-666666666666",
}
NO_IDS = {"kind", "model", "since"}
"""Parameters that name what all accounts have, or a time."""

SIGNED = ("/files/", "/v3/files/")
"""Links that work for whoever has them."""

METHODS = ("get", "post", "put", "delete")
TEMPLATE = {"title": "Woodcut", "summary": "Cuts it.", "text": "Draw it as a woodcut."}


@dataclass(frozen=True)
class Tenants:
    """What one account has, by the names of parameters, and a client of another account."""

    owner: Client
    ids: Mapping[str, str]
    other: Client


def ask(client: Client, method: str, path: str, body: Any = None) -> Answer:
    return client.call(method.upper(), path, json.dumps(body or {}).encode(), {"Content-Type": "application/json"})


@pytest.fixture(scope="module")
def tenants(served: Served) -> Tenants:
    account = f"a-{uuid.uuid4().hex[:12]}"
    owner = newcomer(served, name=account, scopes=SCOPES)
    task = owner.done()["task_id"]
    webhook = ask(owner, "POST", "/v1/webhooks", {"url": "https://example.com/hook"}).data["webhook_id"]
    delivery = ask(owner, "POST", f"/v1/webhooks/{webhook}/test").data["delivery_id"]
    assert ask(owner, "PUT", "/v1/templates/woodcut", TEMPLATE).status == 200
    ids = {"task_id": task, "webhook_id": webhook, "delivery_id": delivery, "slug": "woodcut"}
    ids["refusal_id"] = _refusal_of(served, account, owner)
    return Tenants(owner, ids, newcomer(served, scopes=SCOPES))


def _refusal_of(served: Served, account: str, owner: Client) -> str:
    """The id of a request that a word list has refused. A server reads the lists once in a second."""
    served.cli("moderation", "set-words", account, "badger")
    deadline = time.monotonic() + 60
    while ask(owner, "POST", "/v2/openapi/task", {"type": "generate_image", "prompt": "a badger"}).status == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (refusal,) = owner.get("/v1/refusals").json["data"]["rows"]
    return str(refusal["id"])


def routes(client: Client) -> list[tuple[str, str]]:
    """Method and path of every call that takes an id and that keys of customers may make."""
    paths = client.get("/openapi.json").json["paths"]
    found = [(method, path) for path, item in paths.items() for method in METHODS if method in item]
    return [
        (method, path)
        for method, path in found
        if set(re.findall(r"{(\w+)}", path)) - NO_IDS and not path.startswith(("/admin", *SIGNED))
    ]


def filled(path: str, ids: Mapping[str, str]) -> str:
    known = {"name": "template.toml", **ids}
    return re.sub(r"{(\w+)}", lambda match: known[match[1]], path)


def answer_of(client: Client, method: str, path: str, ids: Mapping[str, str]) -> tuple[int, str]:
    answer = ask(client, method, filled(path, ids), BODIES.get((method, path)))
    text = answer.body.decode(errors="replace")
    for name, value in ids.items():
        text = text.replace(value, f"<{name}>")
    return answer.status, re.sub(r'"request_id":"[^"]*"', "", text)


ADD = ("put", "/v1/templates/{slug}")
"""Makes a template of the caller's own, whatever others call theirs."""

BODIES = {
    ADD: TEMPLATE,
    ("post", "/v1/templates/{slug}/bring-back"): {"version": "0" * 64},
    ("post", "/v1/refusals/{refusal_id}/appeal"): {"text": "It is an animal."},
}


SOCKETS = {("get", "/v2/openapi/task/watch/{task_id}")}
"""Refused without a handshake, whatever the id. `test_watch.py` opens them."""

NOTHING_FOUND = {("get", "/v1/templates/{slug}/versions"): (200, '{"code":0,"data":{"versions":[]}}')}
"""What is answered otherwise than by a 404, to both."""


def test_every_route_with_an_id_is_asked(tenants: Tenants) -> None:
    found = routes(tenants.other)

    assert len(found) > 25
    assert {name for _, path in found for name in re.findall(r"{(\w+)}", path)} == {*MISSING, "name"}


def test_anothers_id_is_answered_as_one_that_does_not_exist(tenants: Tenants) -> None:
    asked = [route for route in routes(tenants.other) if route != ADD]
    others = {route: answer_of(tenants.other, *route, tenants.ids) for route in asked}
    missing = {route: answer_of(tenants.other, *route, MISSING) for route in asked}

    assert others == missing
    found = {route: answer for route, answer in others.items() if answer[0] != 404 and route not in SOCKETS}
    assert found == NOTHING_FOUND


def test_the_owner_still_has_everything(tenants: Tenants) -> None:
    """Nothing that the other account was refused has happened."""
    assert ask(tenants.other, *ADD[:1], filled(ADD[1], tenants.ids), TEMPLATE | {"title": "Mine"}).status == 200
    task = tenants.owner.task(tenants.ids["task_id"])
    template = tenants.owner.get("/v1/templates/woodcut").json["data"]
    webhook = tenants.owner.get(f"/v1/webhooks/{tenants.ids['webhook_id']}").json["data"]

    assert (task["status"], task.get("kept"), "erase_time" in task) == ("success", None, False)
    assert template["title"] == "Woodcut"
    assert webhook["enabled"] is True


def test_several_ids_at_once_miss_anothers(tenants: Tenants) -> None:
    task = tenants.ids["task_id"]
    erased = ask(tenants.other, "POST", "/v2/openapi/tasks/erase", {"task_ids": [task]}).data
    batch = ask(tenants.other, "POST", "/v2/openapi/task/batch", {"task_ids": [task]})

    assert (erased["missed"], erased["erasing"]) == ([task], [])
    assert task not in json.dumps(batch.json.get("data", {}).get("tasks", {}))
    assert ask(tenants.other, "GET", f"/v2/openapi/tasks?made_from={task}").data["tasks"] == []


def test_no_key_of_a_customer_reaches_the_calls_for_operators(tenants: Tenants) -> None:
    paths = tenants.other.get("/openapi.json").json["paths"]
    asked = [
        (method, path) for path in paths if path.startswith("/admin") for method in METHODS if method in paths[path]
    ]
    ids = {**tenants.ids, "name": "local", "key_id": MISSING["task_id"]}

    assert len(asked) > 40
    assert {ask(tenants.other, method, filled(path, ids)).refusal for method, path in asked} == {(403, 1005)}
