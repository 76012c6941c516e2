"""How much one account may have under way, and how fast it may upload."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contract.client import PICTURE, Client, client_of, newcomer
from serving import Served, serving


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the limits it comes with, on which no task ends."""
    with serving(tmp_path_factory.mktemp("waiting"), "--api-only") as server:
        yield server


def test_ten_tasks_may_be_active_and_the_eleventh_gets_retry_after(waiting: Served) -> None:
    client = newcomer(waiting)
    kinds = ["generate_image", "text_to_image"] * 5
    accepted = [client.create(type=kind).status for kind in kinds]
    balance = client.balance()
    refused = [client.create(type=kind) for kind in kinds[:2]]

    assert accepted == [200] * 10
    assert [answer.refusal for answer in refused] == [(429, 2000)] * 2
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert client.balance() == balance == (950, 50)


def test_an_account_at_its_limit_blocks_no_other(waiting: Served) -> None:
    first, second = newcomer(waiting), newcomer(waiting)
    for _ in range(10):
        first.submit()

    assert first.create().status == 429
    assert second.create().status == 200


def test_a_task_that_ends_makes_room_for_the_next(waiting: Served) -> None:
    client = newcomer(waiting)
    tasks = [client.submit() for _ in range(10)]
    refused = client.create().status
    client.post(f"/task/{tasks[3]}/cancel", b"")
    answers = [client.create().status for _ in range(2)]

    assert refused == 429
    assert answers == [200, 429]


def test_of_forty_creations_at_once_ten_are_accepted(waiting: Served) -> None:
    client = newcomer(waiting)
    with ThreadPoolExecutor(16) as pool:
        statuses = sorted(pool.map(lambda _: client.create().status, range(40)))

    assert statuses == [200] * 10 + [429] * 30
    assert client.balance() == (950, 50)


def test_of_creations_at_once_no_more_are_accepted_than_are_paid(waiting: Served) -> None:
    client = newcomer(waiting, credits=34)
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(lambda _: client.create().status, range(10)))

    assert statuses == [200] * 6 + [403] * 4
    assert client.balance() == (4, 30)


def test_a_task_over_the_balance_is_refused_with_price_and_balance(waiting: Served) -> None:
    client = newcomer(waiting, credits=9)
    answer = client.create(model_version="gpt_image_2")

    assert answer.refusal == (403, 2010)
    assert "10 credits" in answer.suggestion
    assert "9 are left" in answer.suggestion


def test_an_account_may_have_a_limit_of_its_own(waiting: Served) -> None:
    waiting.cli("accounts", "create", "small", "--credits", "100", "--tasks", "1")
    client = Client(waiting.url, waiting.cli("keys", "create", "--account", "small")["key"])
    before = [client.create().status for _ in range(2)]
    waiting.cli("accounts", "limit", "small", "3")
    after = [client.create().status for _ in range(3)]

    assert before == [200, 429]
    assert after == [200, 200, 429]


def test_ten_uploads_at_once_are_accepted_and_more_get_retry_after(data: Path) -> None:
    with serving(data, "--api-only") as server:
        client = client_of(server)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: client.upload(PICTURE), range(100)))
        second = newcomer(server).upload(PICTURE)

    refused = [answer for answer in answers if answer.status != 200]
    assert len(answers) - len(refused) >= 10
    assert refused
    assert {answer.refusal for answer in refused} == {(429, 1007)}
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert second.status == 200


def test_uploads_count_on_both_paths_together(data: Path) -> None:
    with serving(data, "--api-only", uploads_per_second="1") as server:
        client = client_of(server)
        paths = ["/upload", "/upload/sts"] * 10
        statuses = [client.upload(PICTURE, path=path).status for path in paths]

    assert 429 in statuses[::2]
    assert 429 in statuses[1::2]
