"""Tasks, which are also the queue."""

from collections.abc import Mapping, Sequence
from typing import Any

from limner.db.sql import Db, Sql, dump, load
from limner.domain.ids import AccountId, BlobId, TaskId
from limner.domain.task import Ending, Result, Status, Task
from limner.ports.records import Claimed, CleanCopy, Input, NewTask

_COLUMNS = (
    "id, account, type, bucket, status, model, echo, price, consumed, priority, progress, expected_ms, created_ms, "
    "started_ms, finished_ms, queue_deadline_ms, run_limit_ms, cancel_requested, result, served_by, error_code, "
    "error_msg"
)

_ADD = Sql("""
    INSERT INTO tasks (id, account, type, bucket, status, model, echo, task_order, price, priority, place,
                       created_ms, queue_deadline_ms, run_limit_ms)
    VALUES (:id, :account, :type, :bucket, 'queued', :model, :echo, :task_order, :price, :priority, :place,
            :created_ms, :queue_deadline_ms, :run_limit_ms)
""")
_ADD_INPUT = Sql("""
    INSERT INTO task_inputs (task, position, field, url, blob) VALUES (:task, :position, :field, :url, :blob)
""")
_GET = Sql(f"SELECT {_COLUMNS} FROM tasks WHERE id = :id")
_OF = Sql(f"SELECT {_COLUMNS} FROM tasks WHERE account = :account AND id IN :ids")
_LIST = Sql(f"""
    SELECT {_COLUMNS} FROM tasks
    WHERE (CAST(:account AS VARCHAR) IS NULL OR account = :account)
      AND (CAST(:status AS VARCHAR) IS NULL OR status = :status)
    ORDER BY created_ms DESC, id DESC LIMIT :limit
""")
_AHEAD = Sql("""
    SELECT count(*) FROM (
        SELECT 1 FROM tasks
        WHERE status = 'queued' AND (place, id) < (SELECT place, id FROM tasks WHERE id = :id)
        ORDER BY place, id LIMIT :cap) AS earlier
""")

# The choice of rows is materialised: joined to the update, PostgreSQL may run it again and again, beyond its limit.
_CLAIM = Sql(f"""
    WITH due AS MATERIALIZED (
        SELECT id FROM tasks WHERE status = 'queued' ORDER BY place, id LIMIT :limit {{skip_locked}})
    UPDATE tasks
    SET status = 'running', lease_owner = :owner, lease_until_ms = :until_ms, claims = claims + 1,
        started_ms = coalesce(started_ms, :now_ms)
    WHERE id IN (SELECT id FROM due)
    RETURNING {_COLUMNS}, task_order, claims, place
""")
_RESCUE = Sql(f"""
    WITH due AS MATERIALIZED (
        SELECT id FROM tasks WHERE status = 'running' AND lease_until_ms < :now_ms
        ORDER BY lease_until_ms LIMIT :limit {{skip_locked}})
    UPDATE tasks
    SET lease_owner = :owner, lease_until_ms = :until_ms, claims = claims + 1
    WHERE id IN (SELECT id FROM due)
    RETURNING {_COLUMNS}, task_order, claims, place
""")
_CLOCK = Sql("UPDATE queue_clock SET place = :place WHERE id = 1 AND place < :place")

_EXPECT = Sql("UPDATE tasks SET expected_ms = :expected_ms WHERE id = :id")
_HOLDS = Sql("""
    UPDATE tasks SET lease_owner = :owner WHERE id = :id AND status = 'running' AND lease_owner = :owner
""")
_RENEW = Sql("""
    UPDATE tasks SET lease_until_ms = :until_ms WHERE lease_owner = :owner AND status = 'running' AND id IN :ids
    RETURNING id, cancel_requested
""")
_REPORT = Sql("""
    UPDATE tasks SET progress = :progress WHERE id = :id AND lease_owner = :owner AND progress < :progress
""")
_HAND_BACK = Sql("""
    UPDATE tasks SET lease_until_ms = 0 WHERE lease_owner = :owner AND status = 'running' AND id IN :ids
""")
_FREE_LEASES = Sql("UPDATE tasks SET lease_until_ms = 0 WHERE status = 'running' AND lease_owner IN :ids")
_LEASE_OWNERS = Sql("SELECT DISTINCT lease_owner FROM tasks WHERE status = 'running' AND lease_owner IS NOT NULL")
_OVERDUE = Sql(f"""
    SELECT {_COLUMNS} FROM tasks WHERE status = 'queued' AND queue_deadline_ms < :now_ms
    ORDER BY queue_deadline_ms LIMIT :limit
""")

_FINISH = """
    UPDATE tasks
    SET status = :status, consumed = :consumed, progress = 100, finished_ms = :now_ms, result = :result,
        served_by = :served_by, error_code = :error_code, error_msg = :error_msg, lease_owner = NULL,
        lease_until_ms = NULL
    WHERE id = :id AND {fence}
    RETURNING {columns}
"""
_FINISH_RUNNING = Sql(_FINISH.format(fence="status = 'running' AND lease_owner = :owner", columns=_COLUMNS))
_FINISH_QUEUED = Sql(_FINISH.format(fence="status = 'queued'", columns=_COLUMNS))
_ASK_CANCEL = Sql("UPDATE tasks SET cancel_requested = 1 WHERE id = :id AND status = 'running'")
_RESULTS = Sql("SELECT result FROM tasks WHERE result IS NOT NULL")
_ORDER = Sql("SELECT task_order FROM tasks WHERE id = :id")
_INPUTS = Sql("""
    SELECT position, field, url, blob, clean, media_type, width, height FROM task_inputs
    WHERE task = :task ORDER BY position
""")
_KEEP_CLEAN = Sql("""
    UPDATE task_inputs SET clean = :clean, media_type = :media_type, width = :width, height = :height
    WHERE task = :task AND position = :position
""")


class SqlTasks:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, task: NewTask, inputs: Sequence[Input]) -> None:
        self._db.run(
            _ADD,
            {
                "id": task.id,
                "account": task.account,
                "type": task.type,
                "bucket": task.bucket,
                "model": task.model,
                "echo": dump(task.echo),
                "task_order": dump(task.order),
                "price": task.price,
                "priority": task.priority,
                "place": task.place,
                "created_ms": task.created_ms,
                "queue_deadline_ms": task.queue_deadline_ms,
                "run_limit_ms": task.run_limit_ms,
            },
        )
        if inputs:
            self._db.many(
                _ADD_INPUT,
                [
                    {"task": task.id, "position": i.position, "field": i.field, "url": i.url, "blob": i.blob}
                    for i in inputs
                ],
            )

    def get(self, task: TaskId) -> Task | None:
        row = self._db.one(_GET, {"id": task})
        return _task(*row) if row else None

    def of(self, account: AccountId, tasks: Sequence[TaskId]) -> Sequence[Task]:
        return [_task(*row) for row in self._db.all(_OF, {"account": account, "ids": self._db.ids(tasks)})]

    def recent(self, *, account: AccountId | None, status: str | None, limit: int) -> Sequence[Task]:
        rows = self._db.all(_LIST, {"account": account, "status": status, "limit": limit})
        return [_task(*row) for row in rows]

    def ahead(self, task: TaskId, cap: int) -> int:
        return int(self._db.value(_AHEAD, {"id": task, "cap": cap}))

    def claim(self, owner: str, now_ms: int, lease_until_ms: int, limit: int) -> Sequence[Claimed]:
        claimed = self._take(_CLAIM, owner, now_ms, lease_until_ms, limit)
        if claimed:
            self._db.run(_CLOCK, {"place": max(place for place, _ in claimed)})
        return [task for _, task in claimed]

    def rescue(self, owner: str, now_ms: int, lease_until_ms: int, limit: int) -> Sequence[Claimed]:
        return [task for _, task in self._take(_RESCUE, owner, now_ms, lease_until_ms, limit)]

    def _take(self, statement: Sql, owner: str, now_ms: int, until_ms: int, limit: int) -> list[tuple[int, Claimed]]:
        rows = self._db.all(
            statement,
            {"owner": owner, "now_ms": now_ms, "until_ms": until_ms, "limit": limit},
        )
        # RETURNING has no order of its own.
        taken = [(place, Claimed(_task(*columns), load(order), claims)) for *columns, order, claims, place in rows]
        return sorted(taken, key=lambda pair: (pair[0], pair[1].task.id))

    def expect(self, task: TaskId, expected_ms: int) -> None:
        self._db.run(_EXPECT, {"id": task, "expected_ms": expected_ms})

    def holds(self, task: TaskId, owner: str) -> bool:
        return self._db.run(_HOLDS, {"id": task, "owner": owner}) == 1

    def renew(self, owner: str, lease_until_ms: int, reported: Mapping[TaskId, int]) -> tuple[set[TaskId], set[TaskId]]:
        rows = self._db.all(_RENEW, {"owner": owner, "until_ms": lease_until_ms, "ids": self._db.ids(list(reported))})
        news = [{"id": task, "owner": owner, "progress": progress} for task, progress in reported.items() if progress]
        if news:
            self._db.many(_REPORT, news)
        return {TaskId(row[0]) for row in rows}, {TaskId(row[0]) for row in rows if row[1]}

    def hand_back(self, owner: str, tasks: Sequence[TaskId]) -> None:
        self._db.run(_HAND_BACK, {"owner": owner, "ids": self._db.ids(tasks)})

    def free_leases_of(self, owners: Sequence[str]) -> int:
        return self._db.run(_FREE_LEASES, {"ids": self._db.ids(owners)})

    def lease_owners(self) -> Sequence[str]:
        return [row[0] for row in self._db.all(_LEASE_OWNERS)]

    def overdue(self, now_ms: int, limit: int) -> Sequence[Task]:
        return [_task(*row) for row in self._db.all(_OVERDUE, {"now_ms": now_ms, "limit": limit})]

    def finish(self, task: TaskId, ending: Ending, now_ms: int, *, owner: str | None) -> Task | None:
        facts = {
            "id": task,
            "status": ending.status,
            "consumed": ending.consumed,
            "now_ms": now_ms,
            "result": dump(ending.result) if ending.result else None,
            "served_by": dump(ending.served_by) if ending.served_by else None,
            "error_code": ending.error_code,
            "error_msg": ending.error_msg,
        }
        if owner is None:
            row = self._db.one(_FINISH_QUEUED, facts)
        else:
            row = self._db.one(_FINISH_RUNNING, facts | {"owner": owner})
        return _task(*row) if row else None

    def ask_cancel(self, task: TaskId) -> None:
        self._db.run(_ASK_CANCEL, {"id": task})

    def result_blobs(self) -> Sequence[BlobId]:
        return sorted({BlobId(load(row[0])["blob"]) for row in self._db.all(_RESULTS)})

    def order(self, task: TaskId) -> dict[str, Any]:
        order: dict[str, Any] = load(self._db.value(_ORDER, {"id": task}))
        return order

    def inputs(self, task: TaskId) -> Sequence[Input]:
        return [_input(*row) for row in self._db.all(_INPUTS, {"task": task})]

    def keep_clean(self, task: TaskId, position: int, clean: CleanCopy) -> None:
        facts = {"clean": clean.blob, "media_type": clean.media_type, "width": clean.width, "height": clean.height}
        self._db.run(_KEEP_CLEAN, facts | {"task": task, "position": position})


def _input(position: int, field: str, url: str | None, blob: str | None, *clean: Any) -> Input:
    copy = CleanCopy(*clean) if clean[0] else None
    return Input(position, field, url, BlobId(blob) if blob else None, copy)


def _task(  # noqa: PLR0917 - the columns, in the order of _COLUMNS
    id_: str,
    account: str,
    type_: str,
    bucket: str,
    status: str,
    model: str,
    echo: str,
    price: int,
    consumed: int,
    priority: int,
    progress: int,
    expected_ms: int | None,
    created_ms: int,
    started_ms: int | None,
    finished_ms: int | None,
    queue_deadline_ms: int,
    run_limit_ms: int,
    cancel_requested: int,
    result: str | None,
    served_by: str | None,
    error_code: int | None,
    error_msg: str | None,
) -> Task:
    return Task(
        TaskId(id_),
        AccountId(account),
        type_,
        bucket,
        Status(status),
        model,
        load(echo),
        price,
        consumed,
        priority,
        progress,
        expected_ms,
        created_ms,
        started_ms,
        finished_ms,
        queue_deadline_ms,
        run_limit_ms,
        bool(cancel_requested),
        _result(load(result)),
        load(served_by),
        error_code,
        error_msg,
    )


def _result(stored: Mapping[str, Any] | None) -> Result | None:
    return Result(**{**stored, "blob": BlobId(stored["blob"])}) if stored else None
