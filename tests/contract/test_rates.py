"""How fast one may call, and how that is told."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from contract.client import BASE, PICTURE, Answer, Client, client_of, newcomer
from serving import Served, serving


@pytest.fixture(scope="module")
def paced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with narrow limits, behind a proxy that it trusts: the tests."""
    settings = {"creates_per_second": "1", "wrong_keys_per_minute": "3", "trusted_proxies": "127.0.0.0/8, ::1"}
    with serving(tmp_path_factory.mktemp("paced"), "--api-only", **settings, account_tasks="1000") as server:
        yield server


def guess(served: Served, address: str, key: str = "tsk_nonsense", path: str = f"{BASE}/user/balance") -> Answer:
    return Client(served.url, key).get(path, {"X-Forwarded-For": address})


def left(answer: Answer) -> int:
    found = re.fullmatch(r'"\w+";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert found
    assert int(found[2]) >= 1
    return int(found[1])


def test_uploads_tell_their_quota_and_what_is_left_of_it(paced: Served) -> None:
    answer = newcomer(paced).upload(PICTURE)

    assert answer.status == 200
    assert answer.headers["RateLimit-Policy"] == '"uploads";q=10;w=1'
    assert left(answer) == 9


def test_creates_over_their_rate_limit_are_refused_with_retry_after(paced: Served) -> None:
    client = newcomer(paced)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.create(), range(40)))
    refused = [answer for answer in answers if answer.status != 200]

    assert len(refused) < len(answers)
    assert {answer.refusal for answer in refused} == {(429, 1007)}
    assert all(answer.headers["RateLimit-Policy"] == '"creates";q=1;w=1' for answer in answers)
    assert all(left(answer) == 0 for answer in answers)
    # The draft wants no Retry-After that ends before the window does.
    windows = [int(answer.headers["RateLimit"].rpartition("t=")[2]) for answer in refused]
    assert [int(answer.headers["Retry-After"]) for answer in refused] == windows


def test_a_rate_limit_of_an_account_is_shared_by_its_keys_only(paced: Served) -> None:
    first = newcomer(paced, name="shared", credits=100)
    second = first.as_(paced.cli("keys", "create", "--account", "shared")["key"])
    shared = [client.create().status for client in (first, second) * 8]

    assert shared[0] == 200
    assert 429 in shared
    assert newcomer(paced).create().status == 200


def test_a_key_may_have_a_quota_for_all_that_it_does(paced: Served) -> None:
    made = paced.cli("keys", "create", "--per-second", "2")
    client = Client(paced.url, made["key"])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.get(f"{BASE}/user/balance"), range(60)))
    created = client_of(paced).get(f"{BASE}/user/balance")

    assert sum(answer.status == 200 for answer in answers) >= 2
    assert {answer.refusal for answer in answers if answer.status != 200} == {(429, 1007)}
    assert answers[0].headers["RateLimit-Policy"] == '"requests";q=2;w=1'
    assert (created.status, created.headers["RateLimit-Policy"]) == (200, None)


def test_two_rate_limits_share_the_headers(paced: Served) -> None:
    made = paced.cli("keys", "create", "--per-second", "50")
    answer = Client(paced.url, made["key"]).upload(PICTURE)

    assert answer.headers["RateLimit-Policy"] == '"requests";q=50;w=1, "uploads";q=10;w=1'
    assert answer.headers["RateLimit"].startswith('"requests";r=49;t=1, "uploads";r=9;t=')


def test_an_address_that_guesses_keys_is_slowed_down(paced: Served) -> None:
    answers = [guess(paced, "203.0.113.1") for _ in range(5)]

    assert [answer.refusal for answer in answers] == [(401, 1002)] * 3 + [(429, 1007)] * 2
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 20
    assert "203.0.113.1" not in answers[-1].suggestion


def test_guesses_are_counted_together_on_every_face(paced: Served) -> None:
    paths = [f"{BASE}/user/balance", "/v3/account/balance", f"{BASE}/task/watch/all", "/v3/account/usage"]
    statuses = [guess(paced, "203.0.113.2", path=path).status for path in paths]

    assert statuses == [401, 401, 401, 429]


def test_a_forged_forwarded_header_is_ignored(paced: Served) -> None:
    statuses = [guess(paced, f"10.0.0.{n}, 203.0.113.3").status for n in range(5)]

    assert statuses == [401] * 3 + [429] * 2


def test_a_valid_key_works_while_another_client_guesses(paced: Served) -> None:
    client = newcomer(paced)
    before = guess(paced, "203.0.113.4", str(client.key)).status
    guesses = [guess(paced, "203.0.113.4").status for _ in range(4)]
    after = guess(paced, "203.0.113.4", str(client.key)).status

    assert (before, guesses[-1], after) == (200, 429, 200)


def test_without_a_trusted_proxy_this_machine_is_not_counted(idle: Served) -> None:
    statuses = {guess(idle, f"203.0.113.{n % 250}").status for n in range(60)}

    assert statuses == {401}
