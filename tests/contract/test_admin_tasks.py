"""`/admin`: tasks, webhooks, budgets, templates and erasure of any account."""

import json
from typing import Any

import pytest

from contract.client import Client
from contract.test_admin import JSON, NOBODY, Operator
from serving import Served


@pytest.fixture(scope="module")
def operator(served: Served) -> Operator:
    return Operator(served)


def customer(operator: Operator, served: Served, **fields: Any) -> tuple[str, Client]:
    """The name of a new account, and a client with its key."""
    name = operator.account(**{"credits": 1000, **fields})
    return name, Client(served.url, operator.done(f"/accounts/{name}/keys", scopes=["generate", "read"])["secret"])


def test_a_task_is_found_explained_kept_and_erased(operator: Operator, served: Served) -> None:
    name, client = customer(operator, served)
    task = client.done(prompt="a heron at dawn")["task_id"]
    [listed] = operator.get(f"/tasks?account={name}&q=heron")["rows"]
    shown = operator.get(f"/tasks/{task}")
    explained, lineage = operator.get(f"/tasks/{task}/explain"), operator.get(f"/tasks/{task}/lineage")
    kept = operator.done(f"/tasks/{task}/keep")["kept"], operator.done(f"/tasks/{task}/keep", kept=False)["kept"]
    picture = client.get(shown["pictures"]["generated_image"], auth=False)
    receipt = operator.done(f"/tasks/{task}/erase", by="the customer")
    erased = operator.get(f"/tasks/{task}")

    assert (listed["id"], shown["task"]["status"], shown["account"]) == (task, "success", name)
    assert picture.status == 200
    assert explained["attempts"][0]["route"]
    assert [each["id"] for each in lineage["tasks"]] == [task]
    assert kept == (True, False)
    assert (receipt["by"], erased["pictures"], erased["erasure"]["by"]) == ("the customer", {}, "the customer")
    assert [row["id"] for row in operator.get(f"/tasks?account={name}")["rows"]] == [task]
    acts = [(each["act"], each["actor"]) for each in operator.get("/audit?limit=3")["rows"]]
    assert [act for act, _ in acts] == ["task.erase", "task.keep", "task.keep"]
    assert all(actor.startswith("key ") for _, actor in acts)


def test_a_queued_task_is_cancelled(idle: Served) -> None:
    operator = Operator(idle)
    _, client = customer(operator, idle)
    task = client.submit()

    assert operator.done(f"/tasks/{task}/cancel")["status"] == "cancelled"
    assert operator.get("/audit?limit=1")["rows"][0]["act"] == "task.cancel"
    assert client.task(task)["status"] == "cancelled"


def test_tasks_come_in_pages(operator: Operator, served: Served) -> None:
    name, client = customer(operator, served)
    made = [client.done()["task_id"] for _ in range(3)]
    first = operator.get(f"/tasks?account={name}&limit=2")
    second = operator.get(f"/tasks?account={name}&limit=2&after={first['next']}")

    assert [row["id"] for row in first["rows"] + second["rows"]] == made[::-1]
    assert second["next"] is None


def test_a_budget_holds_from_then_on(operator: Operator, served: Served) -> None:
    name, client = customer(operator, served)
    changed = operator.done(f"/accounts/{name}/budget", credits_per_day=3, max_vendor_usd=0.5, fallback="never")
    refused = client.create()
    lifted = operator.done(f"/accounts/{name}/budget", credits_per_day=None)
    client.done()
    spent = operator.get(f"/accounts/{name}/budget")["spent"]
    ledger = operator.get(f"/accounts/{name}/ledger?limit=2")

    assert (changed["limits"]["credits_per_day"], changed["limits"]["fallback"]) == (3, "never")
    assert refused.refusal == (403, 2010)
    assert (lifted["limits"]["credits_per_day"], lifted["limits"]["max_vendor_usd"]) == (None, 0.5)
    assert spent["day"] == 5
    assert (ledger["available"], len(ledger["rows"])) == (995, 2)
    assert operator.get("/ledger/proof")["proved"] is True


def test_a_key_has_rules_for_prices(operator: Operator) -> None:
    name = operator.account()
    made = operator.done(f"/accounts/{name}/keys", max_vendor_usd=0.05, fallback="same_price")
    changed = operator.done(f"/keys/{made['id']}/limits", fallback=None)

    assert made["rules"] == {"max_vendor_usd": 0.05, "fallback": "same_price"}
    assert changed["rules"] == {"max_vendor_usd": 0.05, "fallback": None}


def test_an_account_is_erased(operator: Operator, served: Served) -> None:
    name, client = customer(operator, served)
    client.done(prompt="to be forgotten")
    erased = operator.done(f"/accounts/{name}/erase", by="the customer")
    again = operator.send(f"/accounts/{name}/erase")

    assert (erased["tasks"], again.refusal) == (1, (400, 1004))
    assert client.get("/v2/openapi/user/balance").status == 401
    assert operator.get("/audit?limit=1")["rows"][0]["act"] == "account.erase"


def test_a_webhook_is_added_tested_rotated_and_removed(operator: Operator) -> None:
    name = operator.account()
    added = operator.done(f"/accounts/{name}/webhooks", url="https://example.com/hook")
    webhook = added["webhook_id"]
    rotated = operator.done(f"/webhooks/{webhook}/rotate", overlap_hours=1)
    tested = operator.done(f"/webhooks/{webhook}/test")
    deliveries = operator.get(f"/webhooks/{webhook}/deliveries")["rows"]
    replayed = operator.done(f"/deliveries/{tested['delivery_id']}/replay")
    enabled = operator.done(f"/webhooks/{webhook}/enable")
    operator.done(f"/webhooks/{webhook}/remove")

    assert added["secret"] != rotated["secret"]
    assert [each["delivery_id"] for each in deliveries] == [tested["delivery_id"]] == [replayed["delivery_id"]]
    assert enabled["enabled"] is True
    assert operator.get(f"/accounts/{name}/webhooks")["rows"] == []
    assert [each["act"] for each in reversed(operator.get("/audit?limit=6")["rows"])] == [
        "webhook.add", "webhook.rotate", "webhook.test", "webhook.replay", "webhook.enable", "webhook.remove",
    ]  # fmt: skip


def test_a_template_is_shared_and_removed(operator: Operator, served: Served) -> None:
    owner, client = customer(operator, served)
    guest = operator.account()
    template = {"title": "Woodcut", "summary": "Cuts it.", "text": "Draw it as a woodcut."}
    client.call("PUT", "/v1/templates/woodcut", json.dumps(template).encode(), JSON)
    operator.done(f"/accounts/{owner}/templates/woodcut/share", guest=guest)
    shared = operator.get(f"/accounts/{guest}/templates")["rows"]
    operator.done(f"/accounts/{owner}/templates/woodcut/share", guest=guest, shared=False)
    versions = operator.get(f"/accounts/{owner}/templates/woodcut/versions")["rows"]
    operator.done(f"/accounts/{owner}/templates/woodcut/remove")

    assert [each["slug"] for each in shared] == ["woodcut"]
    assert operator.get(f"/accounts/{guest}/templates")["rows"] == []
    assert [each["title"] for each in versions] == ["Woodcut"]
    assert operator.get(f"/accounts/{owner}/templates")["rows"] == []


def test_a_link_signs_one_browser_in_to_the_studio(operator: Operator, served: Served) -> None:
    made = operator.done(f"/accounts/{operator.account()}/studio-link")

    assert made["url"].startswith(f"{served.url}/studio/link/")
    assert operator.get("/audit?limit=1")["rows"][0]["act"] == "studio.link"


@pytest.mark.parametrize(
    ("path", "fields", "refusal"),
    [
        ("/accounts/nobody/budget", {"credits_per_day": 1}, (400, 1004)),
        ("/accounts/local/budget", {"credits_per_day": -1}, (400, 1004)),
        ("/accounts/local/budget", {"fallback": "perhaps"}, (400, 1004)),
        ("/accounts/local/budget", {"max_vendor_usd": -0.1}, (400, 1004)),
        ("/accounts/nobody/erase", {}, (400, 1004)),
        ("/accounts/nobody/studio-link", {}, (400, 1004)),
        ("/accounts/local/webhooks", {"url": "http://10.0.0.1/"}, (400, 1004)),
        ("/accounts/local/templates/nothing/share", {"guest": "local"}, (404, 9415)),
        (f"/tasks/{NOBODY}/cancel", {}, (404, 2001)),
        (f"/tasks/{NOBODY}/erase", {}, (404, 2001)),
        (f"/tasks/{NOBODY}/keep", {"kept": "yes"}, (400, 1004)),
        (f"/webhooks/{NOBODY}/rotate", {}, (404, 9414)),
        ("/deliveries/msg_1/replay", {}, (404, 9414)),
    ],
)
def test_what_cannot_be_done_is_refused_and_not_noted(
    operator: Operator, path: str, fields: dict[str, Any], refusal: tuple[int, int]
) -> None:
    before = operator.get("/audit?limit=1")

    assert operator.send(path, **fields).refusal == refusal
    assert operator.get("/audit?limit=1") == before
