"""The library over HTTP, by either API: lists and searches of tasks."""

import io
import json
import time
import zipfile
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from contract.client import BASE, Answer, Client, newcomer
from serving import Served

JSON = {"Content-Type": "application/json"}
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

    links = {"output": {}, "result": {}, "thumbnail": "", "thumbnail_url": ""}
    assert v2 | links == task | links
    assert v3 | {"output": {}, "thumbnail_url": ""} == read | {"output": {}, "thumbnail_url": ""}
    assert v2["thumbnail_url"] == v3["thumbnail_url"]
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


# --- kept, erased, made from ----------------------------------------------------------------------------------------


def send(api: Api, method: str, path: str, body: Any = None) -> Answer:
    """A call of one of the two APIs; `path` begins with `task/` or `tasks/`, as in v2."""
    whole = f"{BASE}/{path}" if api.name == "v2" else f"/v3/{path.replace('task/', 'tasks/', 1)}"
    return api.client.call(method, whole, json.dumps(body).encode() if body is not None else None, JSON)


def erase(api: Api, *ids: str, **fields: Any) -> Any:
    return send(api, "POST", "tasks/erase", {"task_ids": ids, **fields}).data


def until_erased(client: Client, task: str) -> dict[str, Any]:
    """The task once its content is gone."""
    deadline = time.monotonic() + 60
    while "output_removed_time" not in (found := client.task(task)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_a_task_is_kept_until_it_is_not(api: Api) -> None:
    task = api.client.done()["task_id"]

    kept = send(api, "PUT", f"task/{task}/kept").data
    listed = (api.ids(kept="true"), api.ids(kept="false"))
    unkept = send(api, "DELETE", f"task/{task}/kept").data

    assert kept["kept"] is True
    assert "kept" not in unkept
    assert listed == ([task], [])
    assert api.ids(kept="false") == [task]


def test_an_erasure_can_be_undone(api: Api) -> None:
    task = api.client.done(prompt="a shy badger")["task_id"]

    planned = erase(api, task, grace_s=3600)
    meanwhile = (api.ids(), api.ids(q="badger"), api.client.task(task).keys() & {"erase_time"})
    undone = send(api, "POST", "tasks/erase/undo", {"task_ids": [task, NOBODY]}).data

    assert (planned["erasing"], planned["kept"], planned["missed"]) == ([task], [], [])
    assert meanwhile == ([], [], {"erase_time"})
    assert undone == {"restored": [task], "missed": [NOBODY]}
    assert api.ids(q="badger") == [task]
    assert "erase_time" not in api.client.task(task)


def test_the_server_erases_when_the_time_is_over(api: Api) -> None:
    task = api.client.done(prompt="a shy badger")
    link = task["output"]["generated_image"]

    erase(api, task["task_id"], grace_s=0)
    erased = until_erased(api.client, task["task_id"])
    undone = send(api, "POST", "tasks/erase/undo", {"task_ids": [task["task_id"]]}).data

    assert (erased["output"], erased["status"], erased["consumed_credit"]) == ({}, "success", 5)
    assert "badger" not in str(erased)
    assert api.client.get(link, auth=False).status == 404
    assert undone == {"restored": [], "missed": [task["task_id"]]}
    assert api.ids() == []


def test_kept_and_unfinished_tasks_are_left_out_of_an_erasure(idle: Served, api: Api) -> None:
    kept, plain = (api.client.done()["task_id"] for _ in range(2))
    send(api, "PUT", f"task/{kept}/kept")
    waiting = Api(newcomer(idle), api.name)
    queued = waiting.client.submit()

    planned = erase(api, kept, plain, grace_s=3600)

    assert (planned["erasing"], planned["kept"]) == ([plain], [kept])
    assert erase(waiting, queued)["unfinished"] == [queued]
    assert erase(api, kept, grace_s=3600, even_kept=True)["erasing"] == [kept]
    assert send(api, "PUT", f"task/{plain}/kept").json["code"] == 1004


def link_to(task: dict[str, Any]) -> dict[str, str]:
    return {"type": "png", "url": task["output"]["generated_image"]}


def test_lineage_is_read_both_ways_and_an_erasure_names_what_was_made_from_it(api: Api) -> None:
    client = api.client
    first = client.done(prompt="a badger")
    child = client.submit(prompt="in the snow", files=[link_to(first)])
    grandchild = client.submit(prompt="at night", file=link_to(first))

    found = send(api, "GET", f"task/{child}/lineage").data

    assert found["edges"] == [{"task_id": child, "field": "files[0]", "parent_id": first["task_id"]}]
    assert list(found["tasks"]) == [first["task_id"], child]
    assert found["complete"] is True
    edges = send(api, "GET", f"task/{first['task_id']}/lineage").data["edges"]
    assert {edge["task_id"] for edge in edges} == {child, grandchild}
    assert sorted(api.ids(made_from=first["task_id"])) == sorted([child, grandchild])
    client.wait(child)
    assert erase(api, first["task_id"], child, grace_s=3600)["derived"] == {first["task_id"]: [grandchild]}


def test_a_view_has_a_lineage_too(owner: Client) -> None:
    views = owner.done(type="generate_multiview_image", prompt=None, file={"type": "png", "file_token": owner.token()})
    edited = owner.submit(
        type="edit_multiview_image",
        prompt=None,
        original_task_id=views["task_id"],
        prompts=[{"view": "left", "prompt": "a red scarf"}],
    )

    found = send(Api(owner, "v2"), "GET", f"task/{edited}/lineage").data

    assert found["edges"] == [{"task_id": edited, "field": "original_task_id", "parent_id": views["task_id"]}]


def test_a_takedown_erases_what_was_made_from_a_picture_with_one_receipt(served: Served, owner: Client) -> None:
    first, other = owner.done(prompt="a badger"), owner.done(prompt="a stoat")
    child = owner.done(prompt="in the snow", template="variants", files=[{"task_id": first["task_id"]}])
    views = owner.done(type="generate_multiview_image", prompt=None, file={"task_id": child["task_id"]})
    edited = owner.done(
        type="edit_multiview_image",
        prompt=None,
        original_task_id=views["task_id"],
        prompts=[{"view": "left", "prompt": "a red scarf"}],
    )
    made = [first["task_id"], child["task_id"], views["task_id"], edited["task_id"]]

    receipt = served.cli("tasks", "erase", made[0], "--descendants", "--by", "the subject", "--yes")

    assert (receipt["tasks"], receipt["by"]) == (made, "the subject")
    assert receipt["files"] > 0
    assert receipt["size"] > 0
    assert all(owner.task(each)["output"] == {} for each in made)
    assert owner.get(child["output"]["generated_image"]).status == 404
    assert owner.get(other["output"]["generated_image"]).status == 200
    assert "task.take_down" in json.dumps(served.cli("audit", "--limit", "10"))


def test_a_takedown_erases_nothing_while_a_task_made_from_it_runs(idle: Served) -> None:
    waiting = newcomer(idle)
    task = waiting.submit(prompt="a badger")

    refused = idle.cli("tasks", "erase", task, "--descendants", "--yes", check=False)["error"]

    assert f"1 of 1 tasks have not ended, among them {task}" in refused["reason"]


def test_other_accounts_cannot_keep_erase_or_trace_a_task(api: Api, other_client: Client) -> None:
    done, other = api.client.done(), Api(other_client, api.name)
    task, copied = done["task_id"], other_client.submit(file=link_to(done))

    for method, path in (("PUT", "kept"), ("DELETE", "kept"), ("GET", "lineage")):
        answer = send(other, method, f"task/{task}/{path}")
        assert (answer.status, answer.json["code"]) == (404, 2001), path
    assert erase(other, task, grace_s=0)["missed"] == [task]
    assert erase(api, task, grace_s=3600)["derived"] == {}
    assert send(other, "POST", "tasks/erase/undo", {"task_ids": [task]}).data["missed"] == [task]
    assert send(other, "GET", f"task/{copied}/lineage").data["edges"] == []


def test_keeping_and_erasing_need_the_scope_generate(served: Served, api: Api) -> None:
    reader = Api(newcomer(served, scopes=("read",)), api.name)
    body = {"task_ids": [NOBODY]}

    answers = [send(reader, method, f"task/{NOBODY}/kept") for method in ("PUT", "DELETE")]
    answers += [send(reader, "POST", f"tasks/{path}", body) for path in ("erase", "erase/undo")]

    assert {(answer.status, answer.json["code"]) for answer in answers} == {(403, 1005)}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"task_ids": []},
        {"task_ids": [1]},
        {"task_ids": [NOBODY] * 501},
        {"task_ids": [NOBODY], "grace_s": -1},
        {"task_ids": [NOBODY], "grace_s": 3601},
        {"task_ids": [NOBODY], "grace_s": "soon"},
        {"task_ids": [NOBODY], "even_kept": "yes"},
    ],
)
def test_a_wrong_erasure_is_refused(api: Api, body: Any) -> None:
    answer = send(api, "POST", "tasks/erase", body)

    assert (answer.status, answer.json["code"]) == (400, 1004)


# --- archives --------------------------------------------------------------------------------------------------------


def unzipped(answer: Answer) -> dict[str, bytes]:
    """The files of an archive, in order, each of which has to be whole."""
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.body)) as opened:
        assert opened.testzip() is None
        assert {info.compress_type for info in opened.infolist()} == {zipfile.ZIP_STORED}
        return {name: opened.read(name) for name in opened.namelist()}


def test_an_archive_holds_the_pictures_as_they_are_delivered(api: Api) -> None:
    first, second = api.client.done(prompt="A fox/../ in snow: 雪!"), api.client.done(prompt="a badger")
    ids = [second["task_id"], first["task_id"]]

    posted = unzipped(send(api, "POST", "tasks/zip", {"task_ids": [*ids, NOBODY]}))
    named = unzipped(send(api, "GET", f"tasks/zip?task_ids={','.join(ids)}"))

    assert list(posted) == [f"a-badger-{ids[0]}.png", f"A-fox-in-snow-雪-{ids[1]}.png"]
    assert posted == named
    assert posted[f"a-badger-{ids[0]}.png"] == api.client.get(second["output"]["generated_image"], auth=False).body


def test_an_archive_holds_each_view(api: Api) -> None:
    file = {"type": "png", "file_token": api.client.token()}
    task = api.client.done(type="generate_multiview_image", prompt=None, file=file)["task_id"]

    names = list(unzipped(send(api, "GET", f"tasks/zip?task_ids={task}")))

    assert names == [f"generate-multiview-image-{task}-{view}.png" for view in ("front", "left", "back", "right")]


def test_an_archive_of_nothing_is_refused(api: Api, other_client: Client, served: Served) -> None:
    task = api.client.done()["task_id"]
    writer = Api(newcomer(served, scopes=("generate",)), api.name)

    answers = [send(Api(other_client, api.name), "GET", f"tasks/zip?task_ids={task}")]
    answers += [send(api, "GET", "tasks/zip"), send(api, "POST", "tasks/zip", {"task_ids": [NOBODY] * 501})]
    answers += [send(writer, "GET", f"tasks/zip?task_ids={task}")]

    assert [(answer.status, answer.json["code"]) for answer in answers] == [
        (404, 2019),
        (400, 1004),
        (400, 1004),
        (403, 1005),
    ]


# --- explained -------------------------------------------------------------------------------------------------------


def test_a_task_is_explained_as_data(api: Api) -> None:
    file = {"type": "png", "file_token": api.client.token()}
    task = api.client.done(prompt="at night", template="figure", t_pose=True, file=file, colour="blue")

    explained = send(api, "GET", f"task/{task['task_id']}/explain").data
    [prompt], [attempt] = explained["prompts"], explained["attempts"]
    suffix = {"v2": "_time", "v3": "_at"}[api.name]

    assert [part["source"] for part in prompt["parts"]][-3:] == ["template", "t_pose", "caller"]
    assert prompt["parts"][-1]["text"] == "at night"
    assert all(part["text"] in prompt["text"] for part in prompt["parts"])
    assert {"field": "colour", "reason": "unknown field"} in explained["ignored"]
    [reference] = explained["references"]
    assert (reference["field"], reference["url"], reference["made_from"]) == ("file", None, None)
    assert reference["sent"]["media_type"] == "image/png"
    assert (attempt["number"], attempt["provider"], attempt["outcome"]) == (1, "sandbox", "picture")
    assert None not in (attempt[f"{name}{suffix}"] for name in ("ordered", "delivered", "closed"))
    assert [row["movement"] for row in explained["credits"]] == ["hold", "settle"]
    assert "cost_usd" not in str(explained)
    assert explained["erased"] is None


def test_an_explanation_names_the_task_that_a_reference_came_from(api: Api) -> None:
    first = api.client.done(prompt="a badger")
    task = api.client.submit(prompt="at night", file=link_to(first))

    [reference] = send(api, "GET", f"task/{task}/explain").data["references"]

    assert reference["made_from"] == first["task_id"]
    assert reference["url"] == first["output"]["generated_image"]


def test_an_erased_task_is_explained_without_its_words(api: Api) -> None:
    task = api.client.done(prompt="a shy badger")["task_id"]
    erase(api, task, grace_s=0)
    until_erased(api.client, task)

    explained = send(api, "GET", f"task/{task}/explain").data

    assert "badger" not in str(explained)
    assert explained["erased"] is not None
    assert explained["prompts"] == []


def test_what_attempts_cost_is_for_administrators(served: Served) -> None:
    owner = newcomer(served, scopes=("read", "generate", "admin"))
    task = owner.done()["task_id"]

    explained = send(Api(owner, "v2"), "GET", f"task/{task}/explain").data

    assert "cost_usd" in explained["attempts"][0]


def test_others_tasks_are_not_explained(api: Api, other_client: Client) -> None:
    task = api.client.done()["task_id"]

    answer = send(Api(other_client, api.name), "GET", f"task/{task}/explain")

    assert (answer.status, answer.json["code"]) == (404, 2001)
