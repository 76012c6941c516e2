"""Ids and names that no database likes, on both databases: an answer as for any unknown name, never a fault."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.client import BASE, Client, client_of
from serving import serving

ODD = {
    "a null": "%00",
    "a null inside": "a%00b",
    "invalid UTF-8": "%ff%fe",
    "a surrogate": "%ed%a0%80",
    "an emoji": "%f0%9f%90%88",
    "a quote": "%27%20OR%201=1--",
    "a slash": "a%2fb",
    "dots": "..%2f..%2fetc%2fpasswd",
    "a percent": "%25",
    "long": "a" * 5_000,
    "upper case": "00000000-0000-4000-8000-00000000000A",
}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("odd")
    if request.param == "sqlite":
        with serving(folder, "--api-only") as server:
            yield client_of(server)
        return
    postgres = request.getfixturevalue("postgres_server")
    with postgres.database() as name, serving(folder, "--api-only", database_url=postgres.url(name)) as server:
        yield client_of(server)


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize(("method", "end"), [("GET", ""), ("POST", "/cancel")])
def test_an_odd_task_id_is_not_found(client: Client, method: str, end: str, odd: str) -> None:
    answer = client.call(method, f"{BASE}/task/{odd}{end}")

    assert answer.refusal in {(404, 2001), (404, 9404)}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_link_leads_nowhere(client: Client, odd: str) -> None:
    answers = [
        client.get(f"/files/{odd}/{odd}/{odd}?exp=99999999999&sig={odd}", auth=False),
        client.get(f"/files/a/b/c?exp={odd}&sig=a", auth=False),
    ]

    assert {answer.refusal for answer in answers} <= {(403, 1005), (404, 9404)}


@pytest.mark.parametrize("odd", ["\0", "a\0b", "é", "\N{CAT FACE}", "'", "\uffff", "", " ", "A" * 100])
@pytest.mark.parametrize("way", ["file_token", "key", "bucket"])
def test_an_odd_upload_is_not_found(client: Client, way: str, odd: str) -> None:
    named = {"bucket": "tripo-data", "key": "a"} | {way: odd}
    file = {"file_token": odd} if way == "file_token" else {"object": named}
    answer = client.create(file=file)

    assert answer.refusal in {(404, 2019), (400, 1004)}


@pytest.mark.parametrize("odd", ["\0", "a\0b", "\uffff", "\N{CAT FACE}", ""])
def test_an_odd_id_in_a_batch_is_missed(client: Client, odd: str) -> None:
    answer = client.post("/task/batch", {"task_ids": [odd]})

    assert answer.data == {"tasks": {}, "missed": [odd]}


def test_odd_names_in_what_is_ignored_and_in_hints_are_kept_out_of_the_way(client: Client) -> None:
    odd = {"\0": 1, "\uffff\N{CAT FACE}": {"\0": "\0"}, "": None}
    made = client.submit(file={"type": "\0\uffff", "url": "https://example.org/a.png"}, **odd)
    task = client.task(made)

    assert task["input"]["file"]["url"] == "https://example.org/a.png"
    assert client.post(f"/task/{made}/cancel", b"").data["status"] == "cancelled"
