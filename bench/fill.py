"""Tables as they stand after a million tasks, and with a hundred thousand that wait; written in bulk, on SQLite."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from limner.application.ids import time_ordered

_TASKS = """
    INSERT INTO tasks (id, account, type, bucket, status, model, echo, task_order, price, consumed, priority, place,
                       progress, created_ms, started_ms, finished_ms, queue_deadline_ms, run_limit_ms, result,
                       served_by)
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :many)
    SELECT id_of(:now_ms - 86400000 + n), :account, 'generate_image', 'image', :status, 'flux.1_kontext_pro',
           '{"prompt":"a lighthouse on a cliff at dusk, soft light","model_version":"flux.1_kontext_pro"}',
           '{"prompt":"a lighthouse on a cliff at dusk, soft light","template":null,"t_pose":false,"ignored":[]}',
           5, iif(:status = 'success', 5, 0), 1, n, 0, :now_ms - 86400000 + n,
           iif(:status = 'success', :now_ms - 86000000 + n, NULL),
           iif(:status = 'success', :now_ms - 85900000 + n, NULL), :now_ms + 360000000, 900000,
           iif(:status = 'success', :result, NULL), iif(:status = 'success', '{"provider":"bfl"}', NULL)
    FROM numbers
"""
_RESULT = '{"blob":"%s","media_type":"image/png","extension":"png","width":1024,"height":1024}' % ("ab" * 32)

_OF_ALL = (
    """
    INSERT INTO ledger (account, task, leg, movement, available, frozen, at_ms)
    SELECT account, id, 'open', 'hold', -5, 5, created_ms FROM tasks WHERE status = :status
    """,
    """
    INSERT INTO task_events (account, task, status, at_ms)
    SELECT account, id, 'queued', created_ms FROM tasks WHERE status = :status
    """,
    """
    INSERT INTO idempotency (account, key, digest, task, created_ms)
    SELECT account, id, id || id, id, created_ms FROM tasks WHERE status = :status
    """,
)
_OF_THE_DONE = (
    """
    INSERT INTO ledger (account, task, leg, movement, available, frozen, at_ms)
    SELECT account, id, 'close', 'settle', 0, -5, finished_ms FROM tasks WHERE status = 'success'
    """,
    """
    INSERT INTO task_events (account, task, status, at_ms)
    SELECT account, id, 'running', started_ms FROM tasks WHERE status = 'success'
    """,
    """
    INSERT INTO task_events (account, task, status, at_ms)
    SELECT account, id, 'success', finished_ms FROM tasks WHERE status = 'success'
    """,
    """
    INSERT INTO attempts (id, task, number, route, provider, upstream, state, outcome, charged, intended_ms, closed_ms)
    SELECT id_of(started_ms), id, 1, 'bfl/flux-kontext-pro', 'bfl', 'flux-kontext-pro', 'closed', 'picture', 1,
           started_ms, finished_ms FROM tasks WHERE status = 'success'
    """,
)
_SUMS = (
    """
    UPDATE accounts SET available = available - 5 * (:finished + :queued), frozen = frozen + 5 * :queued
    WHERE id = :account
    """,
    """
    INSERT INTO buckets (account, bucket, active) VALUES (:account, 'image', :queued)
    ON CONFLICT (account, bucket) DO UPDATE SET active = active + :queued
    """,
    "ANALYZE",
)


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """The file from behind, each statement by itself."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=60)
    connection.create_function("id_of", 1, time_ordered)
    try:
        yield connection
    finally:
        connection.close()


def fill(path: Path, account: str, now_ms: int, *, finished: int, queued: int) -> None:
    """Blocking, for a minute or two."""
    facts = {"account": account, "now_ms": now_ms, "finished": finished, "queued": queued, "result": _RESULT}
    done, waiting = facts | {"status": "success", "many": finished}, facts | {"status": "queued", "many": queued}
    with connected(path) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for statement in (_TASKS, *_OF_ALL, *_OF_THE_DONE):
            connection.execute(statement, done)
        for statement in (_TASKS, *_OF_ALL):
            connection.execute(statement, waiting)
        for statement in _SUMS:
            connection.execute(statement, facts)
