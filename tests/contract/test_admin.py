"""The API for operators: every verb, its refusals, its pages and its audit log."""

import itertools
import json
import uuid
from typing import Any

import pytest

from contract.client import Answer, Client, newcomer
from serving import Served

NOBODY = "00000000-0000-4000-8000-000000000000"
JSON = {"Content-Type": "application/json"}


class Operator:
    """Calls of `/admin` with a key that has the scope."""

    def __init__(self, served: Served) -> None:
        self.client = newcomer(served, scopes=("admin",))

    def get(self, path: str) -> Any:
        return self.client.get(f"/admin{path}").data

    def send(self, path: str, **fields: Any) -> Answer:
        return self.client.call("POST", f"/admin{path}", json.dumps(fields).encode(), JSON)

    def done(self, path: str, **fields: Any) -> Any:
        return self.send(path, **fields).data

    def account(self, **fields: Any) -> str:
        return str(self.done("/accounts", name=f"b-{uuid.uuid4().hex[:12]}", **fields)["name"])


@pytest.fixture(scope="module")
def operator(served: Served) -> Operator:
    return Operator(served)


def test_an_account_is_created_limited_and_given_credits(operator: Operator) -> None:
    name = operator.account(credits=100, tasks=3)
    operator.done(f"/accounts/{name}/limits", tasks=7, weight=2)
    has = operator.done(f"/accounts/{name}/grants", credits=-30, note="a correction")
    [row] = [each for each in pages(operator, "/accounts") if each["name"] == name]

    assert has == {"name": name, "available": 70, "held": 0}
    assert (row["available"], row["tasks"], row["weight"], row["keys"]) == (70, 7, 2, 0)


def test_a_key_is_created_limited_and_revoked(operator: Operator, served: Served) -> None:
    name = operator.account(credits=100)
    made = operator.done(f"/accounts/{name}/keys", name="shop", scopes=["generate", "read"], tasks=2)
    client = Client(served.url, made["secret"])
    limited = operator.done(f"/keys/{made['id']}/limits", credits=50, tasks=None)
    [listed] = operator.get(f"/accounts/{name}/keys")["rows"]
    before = client.balance()
    operator.done(f"/keys/{made['id']}/revoke")
    again = operator.send(f"/keys/{made['id']}/revoke")

    assert before == (100, 0)
    assert (made["limits"]["tasks"], limited["limits"]["tasks"], limited["limits"]["credits"]) == (2, None, 50)
    assert "secret" not in listed
    assert listed["hint"] == made["secret"][:8]
    assert again.refusal == (400, 1004)
    assert operator.get(f"/accounts/{name}/keys")["rows"][0]["revoked_ms"]


def pages(operator: Operator, path: str, limit: int = 2) -> list[dict[str, Any]]:
    """All rows of a list, page after page."""
    rows: list[dict[str, Any]] = []
    after = ""
    for _ in itertools.count():
        found = operator.get(f"{path}?limit={limit}&after={after}")
        assert len(found["rows"]) <= limit
        rows += found["rows"]
        if found["next"] is None:
            return rows
        after = found["next"]
    raise AssertionError


def test_lists_come_in_pages_without_a_gap_or_a_repeat(operator: Operator) -> None:
    for _ in range(5):
        operator.account()
    accounts = [row["name"] for row in pages(operator, "/accounts")]
    acts = [row["number"] for row in pages(operator, "/audit", limit=3)]

    assert accounts == sorted(set(accounts))
    assert len(accounts) > 5
    assert acts == sorted(set(acts), reverse=True)
    assert accounts == [row["name"] for row in pages(operator, "/accounts", limit=200)]


def test_every_act_is_in_the_audit_log_with_the_key_that_did_it(operator: Operator) -> None:
    name = operator.account()
    operator.done(f"/accounts/{name}/grants", credits=5)
    key = operator.done(f"/accounts/{name}/keys")["id"]
    operator.done(f"/keys/{key}/limits", tasks=1)
    operator.done(f"/keys/{key}/revoke")
    operator.done("/routes/rest", route="sandbox/midjourney", minutes=1)
    operator.done("/routes/wake", route="sandbox/midjourney")
    operator.done("/providers/check")
    operator.done("/janitor")
    operator.done("/doctor", repair=True)
    acts = operator.get("/audit?limit=10")["rows"]

    assert [each["act"] for each in reversed(acts)] == [
        "account.create", "credits.grant", "key.create", "key.limit", "key.revoke", "route.rest", "route.wake",
        "providers.check", "janitor.run", "doctor.repair",
    ]  # fmt: skip
    assert len({each["actor"] for each in acts}) == 1
    assert acts[0]["actor"].startswith("key ")


def test_the_service_is_shown_as_it_is(operator: Operator, served: Served) -> None:
    client = newcomer(served)
    client.done()
    overview, queue, routes = operator.get("/overview"), operator.get("/queue"), operator.get("/routes")["rows"]
    spend = operator.get("/spend?hours=1")
    [route] = [each for each in routes if each["state"]["route"] == "sandbox/flux.1_kontext_pro"]

    assert overview["credits"]["available"] > 0
    assert {"queue", "workers", "expired_leases", "routes", "checks", "outbox", "stored"} <= overview.keys()
    assert queue.keys() == {"by_model", "by_account"}
    assert route["day"]["pictures"] >= 1
    assert sum(row["pictures"] for row in spend["rows"]) >= 1
    assert spend["margin_usd"] == pytest.approx(spend["worth_usd"] - spend["paid_usd"])
    assert operator.get("/failures?hours=1")["rows"] == []
    assert operator.done("/doctor")["well"] is True


def test_the_queue_is_shown_by_account(idle: Served) -> None:
    operator, client = Operator(idle), newcomer(idle)
    client.submit()
    client.submit()
    by_account = operator.get("/queue")["by_account"]

    assert 2 in {each["queued"] for each in by_account}


@pytest.mark.parametrize(
    ("path", "fields", "where"),
    [
        ("/accounts", {}, "name"),
        ("/accounts", {"name": "No Name"}, "name"),
        ("/accounts", {"name": "local"}, "already"),
        ("/accounts", {"name": "x", "credits": -1}, "credits"),
        ("/accounts", {"name": "x", "credits": "5"}, "credits"),
        ("/accounts", {"name": "x", "creditz": 5}, "creditz"),
        ("/accounts/nobody/grants", {"credits": 5}, "nobody"),
        ("/accounts/local/grants", {"credits": 0}, "0"),
        ("/accounts/local/grants", {"credits": 10**13}, "credits"),
        ("/accounts/local/limits", {}, "Nothing"),
        ("/accounts/local/limits", {"weight": 0}, "weight"),
        ("/accounts/local/keys", {"scopes": ["all"]}, "all"),
        ("/accounts/local/keys", {"scopes": []}, "scopes"),
        ("/accounts/local/keys", {"per_second": 0}, "per_second"),
        (f"/keys/{NOBODY}/limits", {"tasks": 1}, NOBODY),
        (f"/keys/{NOBODY}/revoke", {}, NOBODY),
        ("/routes/rest", {"route": "nowhere/there"}, "nowhere"),
        ("/routes/rest", {"route": "sandbox/midjourney", "minutes": 0}, "minutes"),
        ("/routes/wake", {}, "route"),
        ("/providers/check", {"provider": "nobody"}, "nobody"),
        ("/doctor", {"repair": "yes"}, "repair"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    operator: Operator, path: str, fields: dict[str, Any], where: str
) -> None:
    before = operator.get("/audit?limit=1")
    answer = operator.send(path, **fields)

    assert answer.refusal == (400, 1004)
    assert where in answer.json["message"] + answer.suggestion
    assert operator.get("/audit?limit=1") == before


@pytest.mark.parametrize(
    "path",
    [
        "/accounts?limit=0", "/accounts?limit=201", "/audit?after=x", "/failures?after=x.y",
         "/failures?hours=0", "/spend?hours=x",
    ],
)  # fmt: skip
def test_a_query_that_makes_no_sense_is_refused(operator: Operator, path: str) -> None:
    assert operator.client.get(f"/admin{path}").refusal == (400, 1004)


def test_a_customer_reaches_none_of_it(served: Served, operator: Operator) -> None:
    customer = newcomer(served, scopes=("generate", "read", "webhooks"))
    name = operator.account()
    answers = [
        customer.get("/admin/accounts"),
        customer.get(f"/admin/accounts/{name}/keys"),
        customer.call("POST", f"/admin/accounts/{name}/grants", b'{"credits": 1000}', JSON),
    ]

    assert {answer.refusal for answer in answers} == {(403, 1005)}
