"""Tasks. The table is also the queue."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from limner.db.sql import Db, Sql, dump, load
from limner.db.tables.blobs import INPUT, RESULT, blobs_in, unpin, use
from limner.domain.ids import AccountId, BlobId, KeyId, TaskId
from limner.domain.tasks.spec import TaskSpec
from limner.domain.tasks.task import Ending, IgnoredField, PartialImage, Result, Status, Task


@dataclass(frozen=True, slots=True)
class CleanCopy:
    """A reference picture as vendors get it: upright, within limits, without metadata."""

    blob: BlobId
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class TaskInput:
    """One reference picture of a task, from a `url` or a stored `blob`, and its clean copy once there is one."""

    position: int
    field: str
    url: str | None
    blob: BlobId | None
    clean: CleanCopy | None = None


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task about to be accepted. `spec` is what it is to make, `echo` what the API returns of it."""

    id: TaskId
    account: AccountId
    type: str
    concurrency_group: str
    model: str
    echo: Mapping[str, Any]
    spec: TaskSpec
    price: int
    priority: int
    place: int
    created_ms: int
    queue_deadline_ms: int
    run_limit_ms: int
    key: KeyId | None = None
    """The API key of the request; None for the operator's own tasks."""
    ignored: tuple[IgnoredField, ...] = ()
    """The fields that the preferred route does not obey."""
    words: tuple[str, ...] = ()
    """The words of its prompt, for search."""
    trace: Mapping[str, str] | None = None
    """The W3C headers of the span that submitted it; None where nothing was traced."""


@dataclass(frozen=True, slots=True)
class ClaimedTask:
    """A task and the lease of it that this worker got; `claims` counts the leases so far."""

    task: Task
    spec: TaskSpec
    claims: int
    has_inputs: bool
    trace: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task and the number of its newest event."""

    task: Task
    number: int


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """What changes about an unfinished task without an event."""

    task: TaskId
    status: Status
    progress: int
    expected_ms: int | None


@dataclass(frozen=True, slots=True)
class ClaimLimit:
    """Models that share a limit, and how many more of their `tasks` may start."""

    models: tuple[str, ...]
    tasks: int


_COLUMNS = (
    "id, account, type, bucket, status, model, echo, price, consumed, priority, progress, expected_ms, created_ms, "
    "started_ms, finished_ms, queue_deadline_ms, run_limit_ms, cancel_requested, result, served_by, error_code, "
    "error_msg, removed_ms, ignored, pictures, template, kept, listed, erase_due_ms, partial_images"
)
COLUMNS = tuple(_COLUMNS.split(", "))
"""What `task_of` takes, in this order."""

_ADD = Sql("""
    INSERT INTO tasks (id, account, type, bucket, status, model, echo, task_order, price, priority, place,
                       created_ms, queue_deadline_ms, run_limit_ms, keeps_inputs, api_key, ignored,
                       pictures, template, trace)
    VALUES (:id, :account, :type, :bucket, 'queued', :model, :echo, :task_order, :price, :priority, :place,
            :created_ms, :queue_deadline_ms, :run_limit_ms, :keeps_inputs, :api_key, :ignored,
            :pictures, :template, :trace)
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
_PAGE = Sql(f"""
    SELECT {_COLUMNS} FROM tasks WHERE account = :account
    ORDER BY created_ms DESC, id DESC LIMIT :limit OFFSET :offset
""")
_NEWER = Sql("""
    SELECT id FROM tasks
    WHERE account = :account AND (created_ms, id) > (SELECT created_ms, id FROM tasks WHERE id = :id)
    ORDER BY created_ms, id LIMIT 1
""")
_OLDER = Sql("""
    SELECT id FROM tasks
    WHERE account = :account AND (created_ms, id) < (SELECT created_ms, id FROM tasks WHERE id = :id)
    ORDER BY created_ms DESC, id DESC LIMIT 1
""")
_COUNT_AHEAD = Sql("""
    SELECT count(*) FROM (
        SELECT 1 FROM tasks
        WHERE status = 'queued' AND (place, id) < (SELECT place, id FROM tasks WHERE id = :id)
        ORDER BY place, id LIMIT :cap) AS earlier
""")
# The place that a new task of the account would get, as `AccountTable.hold_credits_and_place` gives it.
_COUNT_AHEAD_OF_NEW = Sql("""
    SELECT count(*) FROM (
        SELECT 1 FROM tasks WHERE status = 'queued' AND place <= (
            SELECT CASE WHEN a.queue_clock > q.place THEN a.queue_clock ELSE q.place END
            FROM accounts a, queue_clock q WHERE a.id = :account AND q.id = 1)
        LIMIT :cap) AS earlier
""")

_QUEUE_HEAD = Sql("SELECT id FROM tasks WHERE status = 'queued' ORDER BY place, id LIMIT :limit")
_STATES = Sql(f"""
    SELECT {_COLUMNS}, (SELECT max(e.id) FROM task_events e WHERE e.task = tasks.id) FROM tasks WHERE id IN :ids
""")
_PROGRESS_OF = Sql("SELECT id, status, progress, expected_ms FROM tasks WHERE id IN :ids")
_UNFINISHED_OF = Sql("""
    SELECT id FROM tasks WHERE account = :account AND status IN ('queued','running') AND id > :after
    ORDER BY id LIMIT :limit
""")

# MATERIALIZED: joined to the update, PostgreSQL may run the subquery repeatedly and exceed its limit.
_CLAIM_TEXT = f"""
    WITH due AS MATERIALIZED (
        SELECT id FROM tasks WHERE status = 'queued' {{which}} ORDER BY place, id LIMIT :limit {{{{skip_locked}}}})
    UPDATE tasks
    SET status = 'running', lease_owner = :owner, lease_until_ms = {{{{shared_now_ms}}}} + :lease_ms,
        claims = claims + 1, started_ms = coalesce(started_ms, :now_ms)
    WHERE id IN (SELECT id FROM due)
    RETURNING {_COLUMNS}, task_order, claims, keeps_inputs, trace, place
"""
_CLAIM = Sql(_CLAIM_TEXT.format(which=""))
_LIMITED, _UNLIMITED = "AND model IN :models", "AND NOT (model IN :models)"
_CLAIM_LIMITED = Sql(_CLAIM_TEXT.format(which=_LIMITED))
_CLAIM_UNLIMITED = Sql(_CLAIM_TEXT.format(which=_UNLIMITED))
_NEXT_TEXT = "SELECT place, id FROM tasks WHERE status = 'queued' {which} ORDER BY place, id LIMIT :limit"
_NEXT_LIMITED = Sql(_NEXT_TEXT.format(which=_LIMITED))
_NEXT_UNLIMITED = Sql(_NEXT_TEXT.format(which=_UNLIMITED))
_COUNT_RUNNING = Sql("SELECT count(*) FROM tasks WHERE status = 'running' AND model IN :models")
_COUNT_WITHOUT_OPEN_ATTEMPT = Sql("""
    SELECT count(*) FROM tasks t
    WHERE status = 'running' AND model IN :models
      AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.task = t.id AND a.state IN ('intended','submitted'))
""")
_RESCUE = Sql(f"""
    WITH due AS MATERIALIZED (
        SELECT id FROM tasks WHERE status = 'running' AND lease_until_ms < :before_ms
        ORDER BY lease_until_ms LIMIT :limit {{skip_locked}})
    UPDATE tasks
    SET lease_owner = :owner, lease_until_ms = :until_ms, claims = claims + 1
    WHERE id IN (SELECT id FROM due)
    RETURNING {_COLUMNS}, task_order, claims, keeps_inputs, trace, place
""")
_ADVANCE_QUEUE_CLOCK = Sql("UPDATE queue_clock SET place = :place WHERE id = 1 AND place < :place")

_SET_EXPECTED_END = Sql("UPDATE tasks SET expected_ms = :expected_ms WHERE id = :id")
_LOCK_LEASE = Sql("""
    UPDATE tasks SET expected_ms = coalesce(CAST(:expected_ms AS BIGINT), expected_ms)
    WHERE id = :id AND status = 'running' AND lease_owner = :owner
""")
_RENEW = Sql("""
    UPDATE tasks SET lease_until_ms = :until_ms WHERE lease_owner = :owner AND status = 'running' AND id IN :ids
    RETURNING id, cancel_requested
""")
_WRITE_PROGRESS = Sql("""
    UPDATE tasks SET progress = :progress WHERE id = :id AND lease_owner = :owner AND progress < :progress
""")
_RELEASE_LEASES = Sql("""
    UPDATE tasks SET lease_until_ms = 0 WHERE lease_owner = :owner AND status = 'running' AND id IN :ids
""")
_END_LEASES = Sql("UPDATE tasks SET lease_until_ms = 0 WHERE status = 'running' AND lease_owner IN :ids")
_SHORTEN_LEASES = Sql("""
    UPDATE tasks SET lease_until_ms = :until_ms WHERE status = 'running' AND lease_until_ms > :after_ms
""")
_LEASE_OWNERS = Sql("SELECT DISTINCT lease_owner FROM tasks WHERE status = 'running' AND lease_owner IS NOT NULL")
_OVERDUE = Sql("""
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY account ORDER BY queue_deadline_ms, id) AS turn FROM tasks
        WHERE status = 'queued' AND queue_deadline_ms < :now_ms) AS overdue
    ORDER BY turn, id LIMIT :limit
""")

_FINISH = """
    UPDATE tasks
    SET status = :status, consumed = :consumed, progress = 100, finished_ms = :now_ms, result = :result,
        served_by = :served_by, error_code = :error_code, error_msg = :error_msg, lease_owner = NULL,
        lease_until_ms = NULL, ignored = CASE WHEN :keeps_ignored = 1 THEN ignored ELSE :ignored END,
        keeps_results = CASE WHEN keeps_results = 1 THEN 1 ELSE :keeps_results END
    WHERE id = :id AND {fence}
    RETURNING {columns}
"""
_FINISH_RUNNING = Sql(_FINISH.format(fence="status = 'running' AND lease_owner = :owner", columns=_COLUMNS))
_FINISH_QUEUED = Sql(_FINISH.format(fence="status = 'queued'", columns=_COLUMNS))
_REQUEST_CANCEL = Sql("UPDATE tasks SET cancel_requested = 1 WHERE id = :id AND status = 'running'")
_SAY = Sql("UPDATE tasks SET error_msg = :message WHERE id = :id AND status = 'running' AND lease_owner = :owner")
_TRACE = Sql("SELECT trace FROM tasks WHERE id = :id")
_PARTIAL_IMAGES = Sql("SELECT partial_images FROM tasks WHERE id = :id")
_ADD_PARTIAL_IMAGE = Sql("UPDATE tasks SET partial_images = :partial_images, keeps_results = 1 WHERE id = :id")
_SPEC = Sql("SELECT task_order FROM tasks WHERE id = :id")
_INPUTS = Sql("""
    SELECT position, field, url, blob, clean, media_type, width, height FROM task_inputs
    WHERE task = :task ORDER BY position
""")
# A worker that was held up may come after the task's inputs were removed. The task's row is locked first, as there.
_KEEP_INPUTS = Sql("UPDATE tasks SET keeps_inputs = 1 WHERE id = :task")
_SAVE_CLEAN_COPY = Sql("""
    UPDATE task_inputs SET clean = :clean, media_type = :media_type, width = :width, height = :height
    WHERE task = :task AND position = :position
""")


@dataclass(frozen=True, slots=True)
class _ClaimGroup:
    """Models that are claimed together: the statements that list and claim their next tasks, and how many at most."""

    next: Sql
    claim: Sql
    models: tuple[str, ...]
    most: int


class TaskTable:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, task: NewTask, inputs: Sequence[TaskInput]) -> None:
        self._db.later(
            _ADD,
            {
                "id": task.id,
                "account": task.account,
                "type": task.type,
                "bucket": task.concurrency_group,
                "model": task.model,
                "echo": dump(task.echo),
                "task_order": dump(task.spec.to_json()),
                "price": task.price,
                "priority": task.priority,
                "place": task.place,
                "created_ms": task.created_ms,
                "queue_deadline_ms": task.queue_deadline_ms,
                "run_limit_ms": task.run_limit_ms,
                "keeps_inputs": int(bool(inputs)),
                "api_key": task.key,
                "ignored": dump(task.ignored) if task.ignored else None,
                "pictures": task.spec.n,
                "template": task.spec.template,
                "trace": dump(task.trace) if task.trace else None,
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
            use(self._db, INPUT, task.id, [i.blob for i in inputs if i.blob])

    def get(self, task: TaskId) -> Task | None:
        row = self._db.one(_GET, {"id": task})
        return task_of(row) if row else None

    def trace_of(self, task: TaskId) -> Mapping[str, str] | None:
        """The W3C headers that were kept with the task."""
        row = self._db.one(_TRACE, {"id": task})
        return load(row[0]) if row else None

    def of(self, account: AccountId, tasks: Sequence[TaskId]) -> Sequence[Task]:
        return [task_of(row) for row in self._db.all(_OF, {"account": account, "ids": self._db.ids(tasks)})]

    def recent(self, *, account: AccountId | None, status: str | None, limit: int) -> Sequence[Task]:
        rows = self._db.all(_LIST, {"account": account, "status": status, "limit": limit})
        return [task_of(row) for row in rows]

    def page(self, account: AccountId, limit: int, offset: int) -> Sequence[Task]:
        """An account's tasks, the newest first, without the first `offset`."""
        rows = self._db.all(_PAGE, {"account": account, "limit": limit, "offset": offset})
        return [task_of(row) for row in rows]

    def neighbours(self, account: AccountId, task: TaskId) -> tuple[TaskId | None, TaskId | None]:
        """The account's next newer and next older task."""
        newer, older = (self._db.one(each, {"account": account, "id": task}) for each in (_NEWER, _OLDER))
        return TaskId(newer[0]) if newer else None, TaskId(older[0]) if older else None

    def count_ahead(self, task: TaskId, cap: int) -> int:
        """How many queued tasks come before this one, counted up to `cap`."""
        return int(self._db.value(_COUNT_AHEAD, {"id": task, "cap": cap}))

    def count_ahead_of_new(self, account: AccountId, cap: int) -> int:
        """How many queued tasks would come before a new one of the account, counted up to `cap`."""
        return int(self._db.value(_COUNT_AHEAD_OF_NEW, {"account": account, "cap": cap}))

    def queue_head(self, limit: int) -> Sequence[TaskId]:
        """The first tasks of the queue, in order."""
        return [TaskId(row[0]) for row in self._db.all(_QUEUE_HEAD, {"limit": limit})]

    def states(self, tasks: Sequence[TaskId]) -> Sequence[TaskState]:
        """Those of `tasks` that exist, in no particular order."""
        rows = self._db.all(_STATES, {"ids": self._db.ids(tasks)})
        return [TaskState(task_of(columns), number or 0) for *columns, number in rows]

    def progress_of(self, tasks: Sequence[TaskId]) -> Sequence[TaskProgress]:
        rows = self._db.all(_PROGRESS_OF, {"ids": self._db.ids(tasks)})
        return [
            TaskProgress(task=TaskId(task), status=Status(status), progress=progress, expected_ms=expected_ms)
            for task, status, progress, expected_ms in rows
        ]

    def unfinished_of(self, account: AccountId, after: TaskId | None, limit: int) -> Sequence[TaskId]:
        """An account's queued and running tasks, in the order of their ids."""
        rows = self._db.all(_UNFINISHED_OF, {"account": account, "after": after or "", "limit": limit})
        return [TaskId(row[0]) for row in rows]

    def claim(
        self, owner: str, now_ms: int, lease_ms: int, limit: int, claim_limits: Sequence[ClaimLimit] = ()
    ) -> Sequence[ClaimedTask]:
        """Lease queued tasks in fair order; they become `running`. Each of `claim_limits` holds for its models."""
        lease = {"owner": owner, "now_ms": now_ms, "lease_ms": lease_ms, **self._db.local_now(now_ms)}
        if claim_limits:
            claimed = [each for group in self._groups(claim_limits, limit) for each in self._claim_group(group, lease)]
        else:
            claimed = self._claim_rows(_CLAIM, {**lease, "limit": limit})
        if claimed:
            self._db.run(_ADVANCE_QUEUE_CLOCK, {"place": max(place for place, _ in claimed)})
        return [task for _, task in sorted(claimed, key=_fair_order)]

    def _groups(self, claim_limits: Sequence[ClaimLimit], limit: int) -> list[_ClaimGroup]:
        """For each limit, and for the models without one, as many tasks as are among the next `limit` of the queue."""
        limited = tuple(model for each in claim_limits for model in each.models)
        groups = [
            _ClaimGroup(_NEXT_LIMITED, _CLAIM_LIMITED, each.models, min(each.tasks, limit)) for each in claim_limits
        ]
        groups.append(_ClaimGroup(_NEXT_UNLIMITED, _CLAIM_UNLIMITED, limited, limit))
        coming = [
            (place, task, number)
            for number, group in enumerate(groups)
            if group.most > 0
            for place, task in self._db.all(group.next, {"models": self._db.ids(group.models), "limit": group.most})
        ]
        shares = Counter(number for *_, number in sorted(coming)[:limit])
        return [replace(groups[number], most=share) for number, share in shares.items()]

    def _claim_group(self, group: _ClaimGroup, lease: Mapping[str, Any]) -> list[tuple[int, ClaimedTask]]:
        return self._claim_rows(group.claim, {**lease, "models": self._db.ids(group.models), "limit": group.most})

    def count_running(self, models: Sequence[str]) -> int:
        """The number of running tasks of these models, over all workers."""
        return int(self._db.value(_COUNT_RUNNING, {"models": self._db.ids(models)}))

    def count_without_open_attempt(self, models: Sequence[str]) -> int:
        """How many running tasks of these models have no open attempt."""
        return int(self._db.value(_COUNT_WITHOUT_OPEN_ATTEMPT, {"models": self._db.ids(models)}))

    def rescue(
        self, owner: str, now_ms: int, lease_ms: int, limit: int, expired_before_ms: int | None = None
    ) -> Sequence[ClaimedTask]:
        """Lease running tasks whose lease ended before `expired_before_ms`, a shared time; None means now."""
        shared_ms = self._db.shared_now_ms(now_ms)
        before_ms = shared_ms if expired_before_ms is None else expired_before_ms
        lease = {"owner": owner, "before_ms": before_ms, "until_ms": shared_ms + lease_ms, "limit": limit}
        return [task for _, task in sorted(self._claim_rows(_RESCUE, lease), key=_fair_order)]

    def _claim_rows(self, statement: Sql, values: Mapping[str, Any]) -> list[tuple[int, ClaimedTask]]:
        rows = self._db.all(statement, values)
        return [
            (place, ClaimedTask(task_of(columns), TaskSpec.from_json(load(spec)), claims, bool(inputs), load(trace)))
            for *columns, spec, claims, inputs, trace, place in rows
        ]

    def set_expected_end(self, task: TaskId, expected_ms: int) -> None:
        self._db.run(_SET_EXPECTED_END, {"id": task, "expected_ms": expected_ms})

    def lock_lease(self, task: TaskId, owner: str, expected_ms: int | None = None) -> bool:
        """Whether this owner has the lease; if so it keeps it at least until this unit of work is committed.

        `expected_ms` is written as the duration that is expected of its attempt.
        """
        return self._db.run(_LOCK_LEASE, {"id": task, "owner": owner, "expected_ms": expected_ms}) == 1

    def renew(
        self, owner: str, now_ms: int, lease_ms: int, reported: Mapping[TaskId, int]
    ) -> tuple[set[TaskId], set[TaskId]]:
        """Renew the leases of these tasks and write their progress.

        Returns the tasks whose lease is still this owner's, and those of them that shall be cancelled.
        """
        until_ms = self._db.shared_now_ms(now_ms) + lease_ms
        rows = self._db.all(_RENEW, {"owner": owner, "until_ms": until_ms, "ids": self._db.ids(list(reported))})
        progressed = [
            {"id": task, "owner": owner, "progress": progress} for task, progress in reported.items() if progress
        ]
        if progressed:
            self._db.many(_WRITE_PROGRESS, progressed)
        return {TaskId(row[0]) for row in rows}, {TaskId(row[0]) for row in rows if row[1]}

    def release_leases(self, owner: str, tasks: Sequence[TaskId]) -> None:
        """End these leases now, so that another worker continues the tasks."""
        self._db.run(_RELEASE_LEASES, {"owner": owner, "ids": self._db.ids(tasks)})

    def end_leases_of(self, owners: Sequence[str]) -> int:
        """End the leases of dead workers; returns how many."""
        return self._db.run(_END_LEASES, {"ids": self._db.ids(owners)})

    def shorten_leases(self, after_ms: int, until_ms: int) -> int:
        """End the leases that run longer than `after_ms` at `until_ms`, both shared times; returns how many."""
        return self._db.run(_SHORTEN_LEASES, {"after_ms": after_ms, "until_ms": until_ms})

    def lease_owners(self) -> Sequence[str]:
        return [row[0] for row in self._db.all(_LEASE_OWNERS)]

    def overdue(self, now_ms: int, limit: int) -> Sequence[TaskId]:
        """Queued tasks whose queue deadline has passed: the first of each account, then the second of each."""
        return [TaskId(row[0]) for row in self._db.all(_OVERDUE, {"now_ms": now_ms, "limit": limit})]

    def say(self, task: TaskId, owner: str, message: str | None) -> None:
        """Set what a running task tells its caller, if the owner still has its lease."""
        self._db.run(_SAY, {"id": task, "owner": owner, "message": message})

    def finish(self, task: TaskId, ending: Ending, now_ms: int, *, owner: str | None) -> Task | None:
        """Write the end of a task. With an owner, only while its lease is that owner's; without, only while queued.

        Returns the finished task; None when it was ended before, or the lease is another's.
        """
        facts = {
            "id": task,
            "status": ending.status,
            "consumed": ending.consumed,
            "now_ms": now_ms,
            "result": dump(ending.result) if ending.result else None,
            "served_by": dump(ending.served_by) if ending.served_by else None,
            "error_code": ending.error_code,
            "error_msg": ending.error_msg,
            "keeps_results": int(bool(ending.result)),
            "keeps_ignored": int(ending.ignored is None),
            "ignored": dump(ending.ignored) if ending.ignored else None,
        }
        if owner is None:
            row = self._db.one(_FINISH_QUEUED, facts)
        else:
            row = self._db.one(_FINISH_RUNNING, facts | {"owner": owner})
        if row and ending.result:
            use(self._db, RESULT, task, list(blobs_in(asdict(ending.result))))
        return task_of(row) if row else None

    def add_partial_image(self, task: TaskId, partial: PartialImage, owner: str) -> bool:
        """Add a preview to a running task whose lease is `owner`'s; False where it is not."""
        if not self.lock_lease(task, owner):
            unpin(self._db, task, [partial.image.blob])
            return False
        earlier = load(self._db.value(_PARTIAL_IMAGES, {"id": task})) or []
        self._db.run(_ADD_PARTIAL_IMAGE, {"id": task, "partial_images": dump([*earlier, asdict(partial)])})
        use(self._db, RESULT, task, [partial.image.blob])
        return True

    def request_cancel(self, task: TaskId) -> None:
        self._db.run(_REQUEST_CANCEL, {"id": task})

    def spec(self, task: TaskId) -> TaskSpec | None:
        """What the task is to make; None once its content was erased."""
        stored = load(self._db.value(_SPEC, {"id": task}))
        return TaskSpec.from_json(stored) if stored else None

    def inputs(self, task: TaskId) -> Sequence[TaskInput]:
        return [_input(row) for row in self._db.all(_INPUTS, {"task": task})]

    def save_clean_copy(self, task: TaskId, position: int, clean: CleanCopy) -> None:
        facts = {"clean": clean.blob, "media_type": clean.media_type, "width": clean.width, "height": clean.height}
        self._db.run(_KEEP_INPUTS, {"task": task})
        if self._db.run(_SAVE_CLEAN_COPY, facts | {"task": task, "position": position}):
            use(self._db, INPUT, task, [clean.blob])
        else:  # the task was erased meanwhile
            unpin(self._db, task, [clean.blob])


def _fair_order(claimed: tuple[int, ClaimedTask]) -> tuple[int, str]:
    """The sort key of the fair order, which RETURNING does not keep."""
    place, task = claimed
    return place, task.task.id


def _input(row: Sequence[Any]) -> TaskInput:
    position, field, url, blob, clean, media_type, width, height = row
    return TaskInput(
        position=position,
        field=field,
        url=url,
        blob=BlobId(blob) if blob else None,
        clean=CleanCopy(BlobId(clean), media_type, width, height) if clean else None,
    )


def task_of(row: Sequence[Any]) -> Task:
    """A task from its `COLUMNS`."""
    columns = dict(zip(COLUMNS, row, strict=True))
    columns["concurrency_group"] = columns.pop("bucket")
    return Task(
        **columns
        | {
            "status": Status(columns["status"]),
            "echo": load(columns["echo"]),
            "cancel_requested": bool(columns["cancel_requested"]),
            "kept": bool(columns["kept"]),
            "listed": bool(columns["listed"]),
            "result": _result(load(columns["result"])),
            "served_by": load(columns["served_by"]),
            "ignored": tuple(IgnoredField(**each) for each in load(columns["ignored"]) or ()),
            "partial_images": tuple(_partial_image(each) for each in load(columns["partial_images"]) or ()),
        }
    )


def _result(stored: Mapping[str, Any] | None) -> Result | None:
    return Result.of(stored) if stored else None


def _partial_image(stored: Mapping[str, Any]) -> PartialImage:
    return PartialImage(stored["part"], stored["number"], Result.of(stored["image"]))
