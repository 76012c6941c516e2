"""Calls from web pages of other origins: allowed where the operator says so, and nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.client import BASE, Client, client_of
from limner.settings import Settings
from serving import serving

PAGE = "https://studio.example.org"
ASKS = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture(scope="module")
def open_to_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(tmp_path_factory.mktemp("cors") / "data", cors_origins=f"{PAGE}, https://other.example") as served:
        yield client_of(served)


def test_a_preflight_of_an_allowed_page_is_answered(open_to_page: Client) -> None:
    answer = open_to_page.call("OPTIONS", f"{BASE}/task", None, ASKS, auth=False)

    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()


def test_an_allowed_page_reads_answers_and_errors(open_to_page: Client) -> None:
    task = open_to_page.create({"Origin": PAGE})
    error = open_to_page.call("GET", f"{BASE}/task/nothing", None, {"Origin": PAGE}, auth=False)

    assert (task.status, error.status) == (200, 401)
    assert {task.headers["Access-Control-Allow-Origin"], error.headers["Access-Control-Allow-Origin"]} == {PAGE}
    assert "X-Tripo-Trace-ID" in task.headers["Access-Control-Expose-Headers"]


def test_another_page_is_not_allowed(open_to_page: Client) -> None:
    answer = open_to_page.call("OPTIONS", f"{BASE}/task", None, {**ASKS, "Origin": "https://evil.example"}, auth=False)

    assert answer.status == 400
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_without_the_setting_no_page_is_allowed(client: Client) -> None:
    answer = client.create({"Origin": PAGE})

    assert answer.status == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("origins", ["example.org", "https://example.org/page", "ftp://example.org"])
def test_what_is_no_origin_is_refused_at_the_start(origins: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        Settings(data=tmp_path, cors_origins=origins)
