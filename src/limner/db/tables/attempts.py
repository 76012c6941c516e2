"""The spend journal: one row per order to a vendor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limner.db.sql import Db, Sql, dump, load
from limner.db.tables.blobs import RESULT, blobs_in, unpin, use
from limner.domain.ids import AttemptId, TaskId


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of the spend journal: a request to a vendor, and its outcome as far as it is known.

    `part` names the view; it is empty for a task of one picture. `price_usd` is the price in our routes, `cost_usd` the
    cost that the vendor reported.
    """

    id: AttemptId
    task: TaskId
    part: str
    number: int
    route: str
    provider: str
    upstream: str
    state: str
    outcome: str | None
    handle: Mapping[str, Any] | None
    result: Mapping[str, Any] | None
    reason: str | None
    detail: str | None
    charged: bool
    price_usd: float | None
    cost_usd: float | None
    intended_ms: int
    submitted_ms: int | None
    delivered_ms: int | None
    closed_ms: int | None
    working_ms: int | None = None
    """When the vendor was first seen to work on a job that it had queued."""
    vendor_queued_ms: int | None = None
    """When the job was first seen to wait in the vendor's queue."""

    @property
    def in_vendors_queue(self) -> bool:
        """Whether the vendor was last seen not to have begun to work on it."""
        return self.state == "submitted" and self.vendor_queued_ms is not None and self.working_ms is None


@dataclass(frozen=True, slots=True)
class LastDelivery:
    """The picture that ends a task of one, as its attempt's row keeps it. `size` is in bytes."""

    attempt: AttemptId
    result: Mapping[str, Any]
    cost_usd: float | None
    size: int


@dataclass(frozen=True, slots=True)
class RouteSpend:
    """The attempts of one route in a period.

    `wasted` are attempts that were charged and brought no picture, `unknown` those that may have been charged.
    `cost_usd` is what is known to be paid, `doubt_usd` what the unknown ones would cost, `unpriced` how many charged
    attempts have no known price. `credits` is what the callers paid for the pictures.
    """

    provider: str
    route: str
    attempts: int
    pictures: int
    wasted: int
    unknown: int
    cost_usd: float
    doubt_usd: float
    unpriced: int
    credits: int


@dataclass(frozen=True, slots=True)
class MarginRow:
    """What one provider's pictures of a model brought in and cost on a day, counted from the first of the period."""

    day: int
    model: str
    provider: str
    pictures: int
    credits: float
    cost_usd: float
    doubt_usd: float
    unpriced: int


_COLUMNS = (
    "id, task, part, number, route, provider, upstream, state, outcome, handle, result, reason, detail, charged, "
    "price_usd, cost_usd, intended_ms, submitted_ms, delivered_ms, closed_ms, working_ms, "
    "vendor_queued_ms"
)
_INTEND = Sql("""
    INSERT INTO attempts (id, task, part, number, route, provider, upstream, state, price_usd, intended_ms)
    VALUES (:id, :task, :part, :number, :route, :provider, :upstream, 'intended', :price_usd, :intended_ms)
""")
# A worker that was held up may write after its task has ended or was erased. The task's row is locked before the
# attempt's, as in settling and erasing: these come one after the other, and none misses what another one wrote.
_LOCK_TASK = Sql("SELECT id FROM tasks WHERE id = (SELECT task FROM attempts WHERE id = :id) {locked}")
_ERASED = Sql("SELECT 1 FROM erasures WHERE task = :task")
# The state only moves forward: a late answer is recorded, a closed attempt stays closed.
_SUBMITTED = Sql("""
    UPDATE attempts SET state = CASE WHEN state = 'intended' THEN 'submitted' ELSE state END,
        detail = CASE WHEN state = 'closed' AND handle IS NULL
            THEN coalesce(detail || '; ', '') || CAST(:late AS TEXT) ELSE detail END,
        handle = :handle, submitted_ms = :now_ms
    WHERE id = :id RETURNING state
""")
LATE_HANDLE = "the vendor's handle came after the order had been closed"
LATE_PICTURE = "the vendor's picture came after the order had been closed"
"""What is added to the detail of an attempt that another worker had given up meanwhile."""

_VENDOR_QUEUED = Sql("UPDATE attempts SET vendor_queued_ms = :now_ms WHERE id = :id AND vendor_queued_ms IS NULL")
_WORKING = Sql("UPDATE attempts SET working_ms = :now_ms WHERE id = :id AND working_ms IS NULL")
_DELIVERED = Sql("""
    UPDATE attempts SET state = CASE WHEN state = 'closed' THEN 'closed' ELSE 'delivered' END,
        detail = CASE WHEN state = 'closed' AND result IS NULL
            THEN coalesce(detail || '; ', '') || CAST(:late AS TEXT) ELSE detail END,
        result = :result,
        cost_usd = CAST(:cost_usd AS DOUBLE PRECISION),
        charged = CASE WHEN CAST(:cost_usd AS DOUBLE PRECISION) = 0 THEN 0 ELSE 1 END, delivered_ms = :now_ms
    WHERE id = :id
""")
_KEEP_RESULTS = Sql("UPDATE tasks SET keeps_results = 1 WHERE id = :task")
_CLOSE = Sql("""
    UPDATE attempts SET state = 'closed', outcome = :outcome, reason = :reason, detail = :detail,
        charged = CASE WHEN :charged = 1 THEN 1 ELSE charged END, closed_ms = :now_ms
    WHERE id = :id AND state <> 'closed'
    RETURNING intended_ms
""")
_CLOSE_OPEN = Sql("""
    UPDATE attempts SET
        outcome = CASE WHEN state IN ('delivered', 'closed') THEN 'picture' ELSE 'given_up' END,
        closed_ms = CASE WHEN state = 'closed' THEN closed_ms ELSE :now_ms END, state = 'closed'
    WHERE task = :task
        AND (state <> 'closed' OR (:succeeded = 1 AND outcome = 'given_up' AND result IS NOT NULL))
""")
# Columns of a closed attempt stay, as with the statements above.
_DELIVERED_LAST = Sql("""
    UPDATE attempts SET
        outcome = CASE WHEN state = 'closed' THEN outcome WHEN id = :id OR state = 'delivered' THEN 'picture'
            ELSE 'given_up' END,
        closed_ms = CASE WHEN state = 'closed' THEN closed_ms ELSE :now_ms END,
        state = 'closed',
        result = CASE WHEN id = :id THEN CAST(:result AS TEXT) ELSE result END,
        cost_usd = CASE WHEN id = :id THEN CAST(:cost_usd AS DOUBLE PRECISION) ELSE cost_usd END,
        charged = CASE WHEN id <> :id THEN charged WHEN CAST(:cost_usd AS DOUBLE PRECISION) = 0 THEN 0 ELSE 1 END,
        delivered_ms = CASE WHEN id = :id THEN :now_ms ELSE delivered_ms END
    WHERE task = :task AND (id = :id OR state <> 'closed')
""")
_OF = Sql(f"SELECT {_COLUMNS} FROM attempts WHERE task = :task ORDER BY part, number")
_OF_MANY = Sql(f"SELECT {_COLUMNS} FROM attempts WHERE task IN :tasks ORDER BY intended_ms, id")
_DURATIONS = Sql("""
    SELECT closed_ms - intended_ms FROM attempts
    WHERE route = :route AND closed_ms IS NOT NULL AND outcome = 'picture' ORDER BY closed_ms DESC LIMIT :limit
""")
_UNDER_WAY = Sql("""
    SELECT count(*) FROM (
        SELECT 1 FROM attempts WHERE provider = :provider AND state IN ('intended','submitted') LIMIT :cap) AS open
""")
_FAILING_TASKS = Sql("""
    SELECT count(DISTINCT task) FROM attempts
    WHERE route = :route AND closed_ms >= :since_ms AND outcome IN :kinds AND closed_ms > coalesce((
        SELECT max(closed_ms) FROM attempts
        WHERE route = :route AND closed_ms >= :since_ms AND outcome = 'picture'), 0)
""")
_FAILED_FOR_OTHERS = Sql("""
    SELECT CASE WHEN EXISTS (
        SELECT 1 FROM attempts JOIN tasks ON tasks.id = attempts.task
        WHERE attempts.route = :route AND attempts.closed_ms >= :since_ms AND attempts.outcome IN :kinds
            AND attempts.closed_ms > coalesce((
                SELECT max(closed_ms) FROM attempts
                WHERE route = :route AND closed_ms >= :since_ms AND outcome = 'picture'), 0)
            AND tasks.account <> :account) THEN 1 ELSE 0 END
""")
_USED_BY_OTHERS = Sql("""
    SELECT CASE WHEN EXISTS (
        SELECT 1 FROM attempts JOIN tasks ON tasks.id = attempts.task
        WHERE attempts.route = :route AND attempts.closed_ms >= :since_ms AND tasks.account <> :account
    ) OR EXISTS (
        SELECT 1 FROM attempts JOIN tasks ON tasks.id = attempts.task
        WHERE attempts.provider = :provider AND attempts.state IN ('intended','submitted')
            AND attempts.route = :route AND tasks.account <> :account) THEN 1 ELSE 0 END
""")
_PLACE = Sql("""
    SELECT tasks.account, attempts.route, attempts.provider FROM attempts JOIN tasks ON tasks.id = attempts.task
    WHERE attempts.id = :id
""")
# A task's credits count for the attempt that delivered its picture, for the first one if there are several.
_SPEND = Sql("""
    SELECT a.provider, a.route, count(*),
        sum(CASE WHEN a.outcome = 'picture' THEN 1 ELSE 0 END),
        sum(CASE WHEN a.charged = 1 AND coalesce(a.outcome, '') <> 'picture' THEN 1 ELSE 0 END),
        sum(CASE WHEN a.outcome IN ('unknown_outcome', 'given_up') AND a.charged = 0 THEN 1 ELSE 0 END),
        coalesce(sum(CASE WHEN a.charged = 1 THEN coalesce(a.cost_usd, a.price_usd) END), 0.0),
        coalesce(sum(CASE WHEN a.outcome IN ('unknown_outcome', 'given_up') AND a.charged = 0
                     THEN a.price_usd END), 0.0),
        sum(CASE WHEN a.charged = 1 AND a.cost_usd IS NULL AND a.price_usd IS NULL THEN 1 ELSE 0 END),
        coalesce(sum(CASE WHEN a.outcome = 'picture' AND NOT EXISTS (
            SELECT 1 FROM attempts b WHERE b.task = a.task AND b.outcome = 'picture' AND b.part < a.part)
            THEN t.consumed END), 0)
    FROM attempts a JOIN tasks t ON t.id = a.task
    WHERE a.intended_ms >= :since_ms AND a.intended_ms < :until_ms
    GROUP BY a.provider, a.route ORDER BY a.provider, a.route
""")


# A task's credits are shared evenly by the attempts that delivered its pictures, for these may be of several providers.
_MARGINS = Sql("""
    SELECT (a.intended_ms - :since_ms) / 86400000, t.model, a.provider,
        sum(CASE WHEN a.outcome = 'picture' THEN 1 ELSE 0 END),
        coalesce(sum(CASE WHEN a.outcome = 'picture' THEN 1.0 * t.consumed / (
            SELECT count(*) FROM attempts b WHERE b.task = a.task AND b.outcome = 'picture') END), 0.0),
        coalesce(sum(CASE WHEN a.charged = 1 THEN coalesce(a.cost_usd, a.price_usd) END), 0.0),
        coalesce(sum(CASE WHEN a.outcome IN ('unknown_outcome', 'given_up') AND a.charged = 0
                     THEN a.price_usd END), 0.0),
        sum(CASE WHEN a.charged = 1 AND a.cost_usd IS NULL AND a.price_usd IS NULL THEN 1 ELSE 0 END)
    FROM attempts a JOIN tasks t ON t.id = a.task
    WHERE a.intended_ms >= :since_ms AND a.intended_ms < :until_ms
    GROUP BY (a.intended_ms - :since_ms) / 86400000, t.model, a.provider ORDER BY 1, 2, 3
""")


class AttemptTable:
    def __init__(self, db: Db) -> None:
        self._db = db

    def intend(self, attempt: Attempt) -> None:
        self._db.run(
            _INTEND,
            {
                "id": attempt.id,
                "task": attempt.task,
                "part": attempt.part,
                "number": attempt.number,
                "route": attempt.route,
                "provider": attempt.provider,
                "upstream": attempt.upstream,
                "price_usd": attempt.price_usd,
                "intended_ms": attempt.intended_ms,
            },
        )

    def submitted(self, attempt: AttemptId, handle: Mapping[str, Any], now_ms: int) -> bool:
        """Record the vendor's handle of the job, unless the task was erased; False for a closed attempt."""
        _, erased = self._lock_task(attempt)
        facts = {"handle": None if erased else dump(handle), "late": LATE_HANDLE, "now_ms": now_ms}
        state: str = self._db.value(_SUBMITTED, facts | {"id": attempt})
        return state != "closed"

    def vendor_queued(self, attempt: AttemptId, now_ms: int) -> None:
        """Record that the job waits in the vendor's queue, unless an earlier poll saw it there."""
        self._db.run(_VENDOR_QUEUED, {"id": attempt, "now_ms": now_ms})

    def working(self, attempt: AttemptId, now_ms: int) -> None:
        self._db.run(_WORKING, {"id": attempt, "now_ms": now_ms})

    def delivered(self, attempt: AttemptId, result: Mapping[str, Any], cost_usd: float | None, now_ms: int) -> None:
        """Record the result and its cost. For an erased task the cost is recorded and the picture is not kept."""
        task, erased = self._lock_task(attempt)
        facts = {"result": None if erased else dump(result), "cost_usd": cost_usd, "now_ms": now_ms}
        self._db.run(_DELIVERED, facts | {"id": attempt, "late": LATE_PICTURE})
        if erased:
            unpin(self._db, task, list(blobs_in(result)))
        else:
            self._db.run(_KEEP_RESULTS, {"task": task})
            use(self._db, RESULT, task, list(blobs_in(result)))

    def _lock_task(self, attempt: AttemptId) -> tuple[TaskId, bool]:
        """The attempt's task, locked, and whether it was erased."""
        task = TaskId(self._db.value(_LOCK_TASK, {"id": attempt}))
        # A later statement sees all that was committed before the lock was got.
        return task, self._db.one(_ERASED, {"task": task}) is not None

    def close(
        self, attempt: AttemptId, outcome: str, now_ms: int, *, reason: str | None, detail: str | None, charged: bool
    ) -> int | None:
        """Close an open attempt; returns when it began. None when it was closed already."""
        facts = {"outcome": outcome, "reason": reason, "detail": detail, "charged": int(charged)}
        begun_ms: int | None = self._db.value(_CLOSE, facts | {"id": attempt, "now_ms": now_ms})
        return begun_ms

    def close_open(self, task: TaskId, now_ms: int, *, succeeded: bool = False) -> None:
        """Close the open attempts of a task that has ended: delivered ones as `picture`, others as `given_up`.

        One that had been given up while its picture was being written is a `picture` after all, where the task
        `succeeded` by it.
        """
        self._db.run(_CLOSE_OPEN, {"task": task, "succeeded": int(succeeded), "now_ms": now_ms})

    def deliver_last(self, task: TaskId, delivery: LastDelivery, now_ms: int) -> None:
        """Record the picture that ended the task, and close all of its attempts, in one statement.

        The task's row is locked and refers to the picture's bytes already.
        """
        facts = {"id": delivery.attempt, "result": dump(delivery.result), "cost_usd": delivery.cost_usd}
        self._db.later(_DELIVERED_LAST, facts | {"task": task, "now_ms": now_ms})

    def of(self, task: TaskId) -> Sequence[Attempt]:
        return [_attempt(*row) for row in self._db.all(_OF, {"task": task})]

    def of_many(self, tasks: Sequence[TaskId]) -> Mapping[TaskId, Sequence[Attempt]]:
        """The attempts of these tasks, in the order in which they began; tasks without any are left out."""
        found: dict[TaskId, list[Attempt]] = {}
        for row in self._db.all(_OF_MANY, {"tasks": self._db.ids(tasks)}) if tasks else ():
            attempt = _attempt(*row)
            found.setdefault(attempt.task, []).append(attempt)
        return found

    def recent_durations_ms(self, route: str, limit: int) -> Sequence[int]:
        return [int(row[0]) for row in self._db.all(_DURATIONS, {"route": route, "limit": limit})]

    def count_open(self, provider: str, cap: int) -> int:
        """The number of unanswered attempts at this provider, over all workers, counted up to `cap`."""
        return int(self._db.value(_UNDER_WAY, {"provider": provider, "cap": cap}))

    def failing_tasks(self, route: str, kinds: Sequence[str], since_ms: int) -> int:
        """How many distinct tasks failed in one of these ways on the route since then, and since its last image."""
        facts = {"route": route, "kinds": self._db.ids(kinds), "since_ms": since_ms}
        return int(self._db.value(_FAILING_TASKS, facts))

    def is_shared_failure(self, attempt: AttemptId, kinds: Sequence[str], since_ms: int) -> bool:
        """Whether a failure of the attempt's route is not its account's alone.

        Another account met one of `kinds` there too, since then and since the route's last image; or no other account
        used the route since then.
        """
        account, route, provider = self._db.one(_PLACE, {"id": attempt}) or ("", "", "")
        facts = {"account": account, "route": route, "since_ms": since_ms}
        if self._db.value(_FAILED_FOR_OTHERS, facts | {"kinds": self._db.ids(kinds)}):
            return True
        return not self._db.value(_USED_BY_OTHERS, facts | {"provider": provider})

    def spend(self, since_ms: int, until_ms: int) -> Sequence[RouteSpend]:
        """What was paid to each route for attempts begun in this period, and the credits that they earned."""
        return [_spend(*row) for row in self._db.all(_SPEND, {"since_ms": since_ms, "until_ms": until_ms})]

    def margins(self, since_ms: int, until_ms: int) -> Sequence[MarginRow]:
        """What came in and what was paid for attempts begun in this period, by day, model and provider."""
        return [_margin(*row) for row in self._db.all(_MARGINS, {"since_ms": since_ms, "until_ms": until_ms})]


def _margin(day: Any, model: str, provider: str, *figures: Any) -> MarginRow:
    pictures, credits_paid, cost_usd, doubt_usd, unpriced = figures
    paid = (float(credits_paid), float(cost_usd), float(doubt_usd))
    return MarginRow(int(day), model, provider, int(pictures), *paid, int(unpriced))


def _spend(provider: str, route: str, *figures: Any) -> RouteSpend:
    attempts, pictures, wasted, unknown, cost_usd, doubt_usd, unpriced, credits_paid = figures
    whole = (int(attempts), int(pictures), int(wasted), int(unknown))
    return RouteSpend(provider, route, *whole, float(cost_usd), float(doubt_usd), int(unpriced), int(credits_paid))


def _attempt(*columns: Any) -> Attempt:
    names = _COLUMNS.split(", ")
    facts = dict(zip(names, columns, strict=True))
    facts |= {"handle": load(facts["handle"]), "result": load(facts["result"]), "charged": bool(facts["charged"])}
    return Attempt(**facts)
