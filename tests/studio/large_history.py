"""A history of a hundred thousand tasks, written in bulk into a served SQLite database."""

import sqlite3
import time

from contract.client import client_of
from limner.application.ids import time_ordered
from serving import Served

HISTORY = 100_000
DAYS = 500
NEEDLE = 60_001
"""The number of the one task whose prompt has the word `needle`."""

_TASKS = """
    INSERT INTO tasks (id, account, type, bucket, status, model, echo, task_order, price, consumed, priority, place,
                       progress, created_ms, started_ms, finished_ms, queue_deadline_ms, run_limit_ms, result,
                       served_by, template)
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :many)
    SELECT id_of(:now_ms - n * :apart_ms), account, type, bucket, CASE WHEN n % 20 THEN status ELSE 'failed' END, model,
           json_object('prompt', prompt_of(n)), task_order, price, consumed, priority, n, 0, :now_ms - n * :apart_ms,
           :now_ms - n * :apart_ms + 10, :now_ms - n * :apart_ms + 5000, queue_deadline_ms, run_limit_ms,
           CASE WHEN n % 20 THEN result END, served_by, CASE WHEN n % 7 THEN NULL ELSE 'figure' END
    FROM numbers JOIN tasks done ON done.id = :done
"""
_WORDS = """
    INSERT INTO prompt_words (task, words)
    SELECT t.id, owner || ' ' || lower(replace(json_extract(t.echo, '$.prompt'), ',', ''))
    FROM tasks t JOIN (SELECT substr(words, 1, instr(words, ' ') - 1) AS owner FROM prompt_words WHERE task = :done)
    WHERE t.id <> :done ORDER BY t.created_ms
"""
_INDEX = """
    INSERT INTO prompt_index (rowid, words) SELECT number, words FROM prompt_words
    WHERE number > (SELECT number FROM prompt_words WHERE task = :done)
"""


def fill_history(served: Served) -> None:
    """Blocking, for ten seconds or so: tasks over the last 500 days, one in twenty of which has no picture."""
    done = client_of(served).done(prompt="lighthouse of the fill")["task_id"]
    now_ms = int(time.time() * 1000)
    facts = {"many": HISTORY, "now_ms": now_ms, "apart_ms": DAYS * 86_400_000 // HISTORY, "done": done}
    connection = sqlite3.connect(served.data / "limner.db", isolation_level=None, timeout=60)
    connection.create_function("id_of", 1, time_ordered)
    connection.create_function("prompt_of", 1, _prompt)
    connection.execute("PRAGMA synchronous = OFF")
    for statement in (_TASKS, _WORDS, _INDEX, "ANALYZE"):
        connection.execute(statement, facts)
    connection.close()


def _prompt(number: int) -> str:
    return "the needle in the hay" if number == NEEDLE else f"a lighthouse at dusk, study {number}"
