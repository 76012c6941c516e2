"""The library over HTTP, by either API: lists and searches of tasks."""

from dataclasses import dataclass
from urllib.parse import urlencode

import pytest

from contract.client import BASE, Answer, Client, newcomer
from serving import Served

NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Api:
    """A caller of one of the two APIs."""

    client: Client
    name: str

    def listing(self, **query: str) -> Answer:
        path = {"v2": f"{BASE}/tasks", "v3": "/v3/tasks/list"}[self.name]
        return self.client.get(f"{path}?{urlencode(query)}")

    def ids(self, **query: str) -> list[str]:
        return [task["task_id"] for task in self.listing(**query).data["tasks"]]

    def refused(self, **query: str) -> tuple[int, int, str]:
        answer = self.listing(**query)
        return answer.status, answer.json["code"], answer.json["suggestion"]


@pytest.fixture
def owner(served: Served) -> Client:
    """A caller of an account of its own."""
    return newcomer(served)


@pytest.fixture(params=["v2", "v3"])
def api(request: pytest.FixtureRequest, owner: Client) -> Api:
    return Api(owner, request.param)


def test_an_account_without_tasks_has_an_empty_list(api: Api) -> None:
    assert api.listing().data == {"tasks": [], "next": None}


def test_tasks_are_listed_as_they_are_read(owner: Client) -> None:
    task = owner.done(prompt="a small badger")

    [v2], [v3] = Api(owner, "v2").listing().data["tasks"], Api(owner, "v3").listing().data["tasks"]
    read = owner.get(f"/v3/tasks/{task['task_id']}").data

    assert {**v2, "output": {}, "result": {}, "thumbnail": ""} == {**task, "output": {}, "result": {}, "thumbnail": ""}
    assert {**v3, "output": {}} == {**read, "output": {}}
    assert owner.get(v2["output"]["generated_image"], auth=False).status == 200


def test_pages_follow_one_another(api: Api) -> None:
    made = [api.client.done(prompt=f"cat {n}")["task_id"] for n in range(3)]

    first = api.listing(limit="2").data
    second = api.listing(limit="2", after=first["next"]).data

    assert [task["task_id"] for task in first["tasks"] + second["tasks"]] == made[::-1]
    assert second["next"] is None


def test_filters_are_combined(api: Api) -> None:
    fox = api.client.done(prompt="a red fox")["task_id"]
    badger = api.client.done(prompt="a red badger", template="figure")["task_id"]

    assert api.ids(q="red") == [badger, fox]
    assert api.ids(q="RED fo") == [fox]
    assert api.ids(template="figure", q="fox") == []
    assert api.ids(template="figure", status="success,failed", model="flux.1_kontext_pro") == [badger]
    assert api.ids(status="queued") == []
    assert api.ids(since="2100-01-01") == []
    assert api.ids(since="2020-01-01", until="2100-01-01T00:00:00+01:00", kept="false") == [badger, fox]
    assert api.ids(until="1000000000") == []
    assert api.ids(key=NOBODY) == []
    assert api.ids(made_from=fox) == []
    assert api.ids(q="") == [badger, fox]


def test_a_failed_task_of_v3_is_a_failed_banned_or_expired_one(owner: Client) -> None:
    owner.done(prompt="a cat")

    assert Api(owner, "v3").ids(status="failed") == []
    assert Api(owner, "v3").refused(status="banned")[:2] == (400, 1004)
    assert Api(owner, "v2").ids(status="banned") == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"status": "done"}, "status may be queued, running"),
        ({"since": "yesterday"}, "since=2026-11-28"),
        ({"until": "2026-13-01"}, "until=2026-11-28"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"kept": "perhaps"}, "kept"),
        ({"after": "x"}, "leave `after` out"),
        ({"q": "x" * 401}, "q"),
    ],
)
def test_a_wrong_filter_is_refused_by_name(api: Api, query: dict[str, str], said: str) -> None:
    status, code, suggestion = api.refused(**query)

    assert (status, code) == (400, 1004)
    assert said in suggestion


def test_another_account_sees_nothing_of_it(served: Served, owner: Client, other_client: Client) -> None:
    task = owner.done(prompt="a secret badger")["task_id"]

    for name in ("v2", "v3"):
        other = Api(other_client, name)
        assert other.ids(q="secret badger") == []
        assert task not in other.ids(made_from=task)
        assert task not in other.ids()


def test_the_list_needs_the_scope_read(served: Served) -> None:
    writer = newcomer(served, scopes=("generate",))

    answers = [Api(writer, name).listing() for name in ("v2", "v3")]

    assert [(answer.status, answer.json["code"]) for answer in answers] == [(403, 1005)] * 2


def test_a_post_to_the_path_of_the_v3_list_still_reads_tasks_by_id(owner: Client) -> None:
    task = owner.done()["task_id"]

    answer = owner.call("POST", "/v3/tasks/list", f'{{"task_ids": ["{task}"]}}', {"Content-Type": "application/json"})

    assert list(answer.data["tasks"]) == [task]
