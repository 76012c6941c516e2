"""The webhook API over HTTP, with a receiver."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import jsonschema_rs
import pytest

from contract.client import Answer, Client, newcomer, settings_of
from limner.bootstrap import opened
from limner.settings import Settings
from receivers import Receiver, receiving
from serving import Served, serving

WEBHOOKS = "/v1/webhooks"
NOBODY = "00000000-0000-4000-8000-000000000000"
NO_DELIVERY = "msg_" + "0" * 32
ALL = ("generate", "read", "webhooks")


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that may tell receivers on this machine."""
    with serving(tmp_path_factory.mktemp("telling"), fetch_allow="127.0.0.1") as server:
        yield server


@pytest.fixture(scope="module")
def newcomers(telling: Served) -> Iterator[Client]:
    """Give callers, each of an account of its own: they are made before a loop runs that must not be held up."""
    return (Client(telling.url, key) for key in asyncio.run(keys_of_newcomers(settings_of(telling), 80)))


async def keys_of_newcomers(settings: Settings, many: int) -> list[str]:
    async with opened(settings) as limner:
        names = [f"newcomer-{number}" for number in range(many)]
        for name in names:
            await limner.accounts.create(name, 100)
        return [(await limner.accounts.create_key(name, "a test", ALL)).secret for name in names]


@pytest.fixture
def client(newcomers: Iterator[Client]) -> Client:
    return next(newcomers)


@pytest.fixture
def other_client(newcomers: Iterator[Client]) -> Client:
    """A caller of another account."""
    return next(newcomers)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


def ask(client: Client, method: str, path: str = "", body: Any = None, *, auth: bool = True) -> Answer:
    sent = None if body is None else json.dumps(body).encode()
    return client.call(method, WEBHOOKS + path, sent, {"Content-Type": "application/json"}, auth=auth)


async def asked(client: Client, method: str, path: str = "", body: Any = None) -> Any:
    """What a success brought, while the receiver goes on in this loop."""
    return (await asyncio.to_thread(ask, client, method, path, body)).data


async def test_a_webhook_is_added_reported_replaced_and_removed(client: Client, receiver: Receiver) -> None:
    made = await asked(client, "POST", body={"url": receiver.url(), "description": "my shop"})
    one = f"/{made['webhook_id']}"
    task = await asyncio.to_thread(client.done)
    (message,) = await receiver.got(1)
    rotated = await asked(client, "POST", f"{one}/rotate")
    test = await asked(client, "POST", f"{one}/test")
    _, second = await receiver.got(2)
    listed = (await asked(client, "GET"))["webhooks"]
    gone = await asked(client, "DELETE", one)

    assert message.verified(made["secret"])["data"] == task | _links(message.content["data"])
    assert [second.verified(each["secret"])["type"] for each in (made, rotated)] == ["webhook.test"] * 2
    assert second.id == test["delivery_id"]
    assert listed == [gone]
    assert "secret" not in gone
    assert (gone["description"], gone["enabled"]) == ("my shop", True)
    assert (await asked(client, "GET"))["webhooks"] == []


def _links(task: dict[str, Any]) -> dict[str, Any]:
    """The parts of a task that are signed anew each time."""
    return {name: task[name] for name in ("output", "result", "thumbnail")}


async def test_what_was_sent_is_shown_and_sent_again(client: Client, receiver: Receiver) -> None:
    receiver.answers["/hook"] = [410]
    made = await asked(client, "POST", body={"url": receiver.url(), "events": ["task.succeeded"]})
    one = f"/{made['webhook_id']}"
    task = await asyncio.to_thread(client.done)
    (message,) = await receiver.got(1)
    failed = await _until_over(client, message.id)
    refused = await asyncio.to_thread(ask, client, "POST", f"/deliveries/{message.id}/replay")
    await asked(client, "POST", f"{one}/enable")
    await asked(client, "POST", f"/deliveries/{message.id}/replay")
    _, again = await receiver.got(2)
    over = await _until_over(client, message.id)
    shown = (await asked(client, "GET", f"{one}/deliveries?state=delivered&limit=5"))["deliveries"]

    assert (failed["state"], failed["task_id"], failed["log"][0]["status"]) == ("failed", task["task_id"], 410)
    assert refused.refusal == (400, 1004)
    assert again.id == message.id
    assert shown == [over]
    assert [each["status"] for each in over["log"]] == [410, 204]


async def _until_over(client: Client, delivery: str) -> Any:
    async with asyncio.timeout(60):
        while True:
            found = await asked(client, "GET", f"/deliveries/{delivery}")
            if found["state"] != "pending":
                return found
            await asyncio.sleep(0.05)


def test_an_account_gets_its_secret_for_the_addresses_of_its_tasks(client: Client) -> None:
    made = ask(client, "POST", body={"per_task": True}).data
    second = ask(client, "POST", body={"per_task": True})

    assert (made["url"], made["per_task"]) == (None, True)
    assert made["secret"].startswith("whsec_")
    assert second.refusal == (400, 1004)


async def test_a_task_on_v3_says_where_its_end_is_reported(client: Client, receiver: Receiver) -> None:
    body = {"prompt": "a fox", "webhook_url": receiver.url("/mine")}
    early = await asyncio.to_thread(on_v3, client, body)
    made = await asked(client, "POST", body={"per_task": True})
    private = await asyncio.to_thread(on_v3, client, body | {"webhook_url": "https://10.0.0.1/"})
    task = (await asyncio.to_thread(on_v3, client, body)).json["data"]["task_id"]
    (message,) = await receiver.got(1, "/mine")

    assert [(answer.status, answer.json["code"]) for answer in (early, private)] == [(400, 1004)] * 2
    assert "limner webhooks add --per-task" in early.suggestion
    assert private.suggestion.startswith("webhook_url: the host")
    assert message.verified(made["secret"])["data"]["task_id"] == task
    assert "webhook_url" not in message.content["data"]["input"]


def on_v3(client: Client, body: dict[str, Any]) -> Answer:
    headers = {"Content-Type": "application/json"}
    return client.call("POST", "/v3/generation/text-to-image", json.dumps(body).encode(), headers)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "exactly one of url and per_task"),
        ({"url": "https://example.com", "per_task": True}, "exactly one of url and per_task"),
        ({"url": "http://example.com"}, "not https"),
        ({"url": "https://10.0.0.1/"}, "not on the public internet"),
        ({"url": "https://[fe80::1]/"}, "not on the public internet"),
        ({"url": 7}, "url"),
        ({"url": "https://example.com", "events": ["task.done"]}, "task.done"),
        ({"url": "https://example.com", "events": "task.failed"}, "events"),
        ({"url": "https://example.com", "description": "\0"}, "description"),
        ([], "not a JSON object"),
    ],
)
def test_a_bad_body_is_refused_with_a_remedy_and_nothing_is_kept(client: Client, body: Any, word: str) -> None:
    answer = ask(client, "POST", body=body)

    assert answer.status == 400
    assert word in answer.suggestion
    assert ask(client, "GET").data["webhooks"] == []


@pytest.mark.parametrize("overlap", [-1, 721, "long", None])
def test_a_bad_overlap_is_refused(client: Client, overlap: Any) -> None:
    made = ask(client, "POST", body={"url": "https://example.com"}).data

    assert ask(client, "POST", f"/{made['webhook_id']}/rotate", {"overlap_hours": overlap}).refusal == (400, 1004)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "state=lost"])
def test_a_bad_query_is_refused(client: Client, query: str) -> None:
    made = ask(client, "POST", body={"url": "https://example.com"}).data

    assert ask(client, "GET", f"/{made['webhook_id']}/deliveries?{query}").refusal == (400, 1004)


CALLS = [
    ("GET", "/{}"),
    ("DELETE", "/{}"),
    ("POST", "/{}/rotate"),
    ("POST", "/{}/enable"),
    ("POST", "/{}/test"),
    ("GET", "/{}/deliveries"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_another_accounts_webhook_is_as_unknown_as_none_at_all(
    client: Client, other_client: Client, method: str, path: str
) -> None:
    theirs = ask(client, "POST", body={"url": "https://example.com"}).data["webhook_id"]
    answers = [ask(other_client, method, path.format(each)) for each in (theirs, NOBODY, "%00", "a" * 300)]

    assert [answer.refusal for answer in answers] == [(404, 9414)] * 4
    assert ask(client, "GET", f"/{theirs}").data["enabled"] is True


@pytest.mark.parametrize(("method", "path"), [("GET", "/deliveries/{}"), ("POST", "/deliveries/{}/replay")])
async def test_another_accounts_delivery_is_as_unknown_as_none_at_all(
    client: Client, other_client: Client, receiver: Receiver, method: str, path: str
) -> None:
    await asked(client, "POST", body={"url": receiver.url()})
    await asyncio.to_thread(client.done)
    (message,) = await receiver.got(1)

    answers = [
        await asyncio.to_thread(ask, other_client, method, path.format(each))
        for each in (message.id, NO_DELIVERY, "%00")
    ]

    assert [answer.refusal for answer in answers] == [(404, 9414)] * 3


def test_a_key_that_may_only_read_changes_nothing(telling: Served) -> None:
    reader = newcomer(telling, scopes=("generate", "read"))
    changes = [ask(reader, "POST", body={"url": "https://example.com"})]
    changes += [ask(reader, method, path.format(NOBODY)) for method, path in CALLS if method != "GET"]

    assert [answer.refusal for answer in changes] == [(403, 1005)] * len(changes)
    assert all("'webhooks'" in answer.suggestion for answer in changes)
    assert ask(reader, "GET").data == {"webhooks": []}


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", ""), *CALLS])
def test_a_watch_needs_a_key(client: Client, method: str, path: str) -> None:
    assert ask(client, method, path.format(NOBODY), auth=False).refusal == (401, 1002)


def test_v2_ignores_an_address_as_it_ignores_every_field_it_does_not_know(client: Client, telling: Served) -> None:
    task = client.done(webhook_url="https://10.0.0.1/")
    reported = telling.cli("tasks", "explain", task["task_id"])

    assert task["status"] == "success"
    assert reported["ignored"] == ["webhook_url"]
    assert reported["deliveries"] == []


def test_the_answers_are_as_described(client: Client) -> None:
    document = client.get("/openapi.json", auth=False).json
    made = ask(client, "POST", body={"url": "https://example.com"}).data
    shown = ask(client, "GET", f"/{made['webhook_id']}").data

    def faults(name: str, value: Any) -> list[Any]:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        return list(jsonschema_rs.validator_for(schema).iter_errors(value))

    assert [faults("WebhookWithSecret", made), faults("Webhook", shown)] == [[], []]
    assert faults("Webhook", {**shown, "events": ["task.done"]})
