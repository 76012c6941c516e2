"""What an account has, and what it used."""

import sqlite3
from contextlib import closing

import pytest

from contract.v3.client import BASE, V3Client, newcomer
from serving import Served


def rows(client: V3Client, query: str = "") -> list[dict[str, object]]:
    found: list[dict[str, object]] = client.get(f"{BASE}/account/usage{query}").data
    return found


def test_the_balance_is_a_decimal(waiting: V3Client) -> None:
    waiting.submit()
    answer = waiting.get(f"{BASE}/account/balance")

    assert answer.data == {"balance": 995.0, "frozen": 5.0}
    assert b'"balance":995.0,"frozen":5.0' in answer.body


def test_an_account_that_did_nothing_used_nothing(waiting: V3Client) -> None:
    assert rows(waiting) == []


def test_usage_is_a_row_a_task_in_a_bare_list_the_newest_first(served: Served) -> None:
    client = newcomer(served)
    good = client.done(model="chat_image_2")
    bad = client.done(input="http://not-there.invalid/cat.png")
    fields = ("task_id", "type", "status", "created_at", "credits_consumed")

    assert rows(client) == [{name: task[name] for name in fields} for task in (bad, good)]
    assert [row["credits_consumed"] for row in rows(client)] == [0.0, 10.0]


def test_usage_lists_the_tasks_of_both_apis_by_v3_names(idle: Served, waiting: V3Client) -> None:
    made = waiting.v2.submit()
    with closing(sqlite3.connect(idle.data / "limner.db")) as connection, connection:
        connection.execute("UPDATE tasks SET status = 'expired', created_ms = 1750000000000 WHERE id = ?", (made,))

    assert rows(waiting) == [
        {
            "task_id": made,
            "type": "generate_image",
            "status": "failed",
            "created_at": "2025-06-15T15:06:40.000Z",
            "credits_consumed": 0.0,
        }
    ]


def test_usage_is_ones_own(waiting: V3Client, idle: Served) -> None:
    waiting.submit()

    assert rows(newcomer(idle)) == []


def test_usage_is_read_page_by_page(waiting: V3Client) -> None:
    made = [waiting.submit() for _ in range(5)]
    whole = [row["task_id"] for row in rows(waiting)]
    pages = [[row["task_id"] for row in rows(waiting, f"?limit=2&offset={offset}")] for offset in (0, 2, 4, 6)]

    assert sorted(whole) == sorted(made)
    assert pages == [whole[:2], whole[2:4], whole[4:], []]


def test_a_page_has_fifty_rows_unless_asked_for_up_to_a_hundred(waiting: V3Client) -> None:
    for _ in range(51):
        waiting.submit()

    assert len(rows(waiting)) == 50
    assert len(rows(waiting, "?limit=100")) == 51


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=-1", "limit=a", "limit=", "limit=1.5", "limit=1e1", "limit=9" * 30]
)
def test_another_limit_is_refused(waiting: V3Client, query: str) -> None:
    answer = waiting.get(f"{BASE}/account/usage?{query}")

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("limit ")
    assert "1 to 100" in answer.suggestion


@pytest.mark.parametrize("offset", ["-1", "100001", "a", "", "9" * 40, "%00", "%D9%A3"])
def test_another_offset_is_refused(waiting: V3Client, offset: str) -> None:
    answer = waiting.get(f"{BASE}/account/usage?offset={offset}")

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("offset ")


def test_other_questions_are_ignored(waiting: V3Client) -> None:
    assert rows(waiting, "?page=2&limit=1") == []
