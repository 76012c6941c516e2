"""The spend journal: one row per order to a vendor."""

from collections.abc import Mapping, Sequence
from typing import Any

from limner.db.sql import Db, Sql, dump, load
from limner.domain.ids import AttemptId, TaskId
from limner.ports.records import Attempt

_COLUMNS = (
    "id, task, number, route, provider, upstream, state, outcome, handle, result, reason, detail, charged, cost_usd, "
    "intended_ms, submitted_ms, delivered_ms, closed_ms"
)
_INTEND = Sql("""
    INSERT INTO attempts (id, task, number, route, provider, upstream, state, intended_ms)
    VALUES (:id, :task, :number, :route, :provider, :upstream, 'intended', :intended_ms)
""")
# An attempt only goes forward: what a worker hears after its task has ended is kept, the end stays.
_SUBMITTED = Sql("""
    UPDATE attempts SET state = CASE WHEN state = 'intended' THEN 'submitted' ELSE state END, handle = :handle,
        submitted_ms = :now_ms
    WHERE id = :id
""")
_DELIVERED = Sql("""
    UPDATE attempts SET state = CASE WHEN state = 'closed' THEN 'closed' ELSE 'delivered' END, result = :result,
        cost_usd = CAST(:cost_usd AS DOUBLE PRECISION),
        charged = CASE WHEN CAST(:cost_usd AS DOUBLE PRECISION) = 0 THEN 0 ELSE 1 END, delivered_ms = :now_ms
    WHERE id = :id
""")
_CLOSE = Sql("""
    UPDATE attempts SET state = 'closed', outcome = :outcome, reason = :reason, detail = :detail,
        charged = CASE WHEN :charged = 1 THEN 1 ELSE charged END, closed_ms = :now_ms
    WHERE id = :id AND state <> 'closed'
""")
_CLOSE_OPEN = Sql("""
    UPDATE attempts SET outcome = CASE WHEN state = 'delivered' THEN 'picture' ELSE 'given_up' END, state = 'closed',
        closed_ms = :now_ms
    WHERE task = :task AND state <> 'closed'
""")
_OF = Sql(f"SELECT {_COLUMNS} FROM attempts WHERE task = :task ORDER BY number")
_DURATIONS = Sql("""
    SELECT closed_ms - intended_ms FROM attempts
    WHERE route = :route AND closed_ms IS NOT NULL AND outcome = 'picture' ORDER BY closed_ms DESC LIMIT :limit
""")


class SqlAttempts:
    def __init__(self, db: Db) -> None:
        self._db = db

    def intend(self, attempt: Attempt) -> None:
        self._db.run(
            _INTEND,
            {
                "id": attempt.id,
                "task": attempt.task,
                "number": attempt.number,
                "route": attempt.route,
                "provider": attempt.provider,
                "upstream": attempt.upstream,
                "intended_ms": attempt.intended_ms,
            },
        )

    def submitted(self, attempt: AttemptId, handle: Mapping[str, Any], now_ms: int) -> None:
        self._db.run(_SUBMITTED, {"id": attempt, "handle": dump(handle), "now_ms": now_ms})

    def delivered(self, attempt: AttemptId, result: Mapping[str, Any], cost_usd: float | None, now_ms: int) -> None:
        self._db.run(_DELIVERED, {"id": attempt, "result": dump(result), "cost_usd": cost_usd, "now_ms": now_ms})

    def close(
        self, attempt: AttemptId, outcome: str, now_ms: int, *, reason: str | None, detail: str | None, charged: bool
    ) -> None:
        facts = {"outcome": outcome, "reason": reason, "detail": detail, "charged": int(charged)}
        self._db.run(_CLOSE, facts | {"id": attempt, "now_ms": now_ms})

    def close_open(self, task: TaskId, now_ms: int) -> None:
        self._db.run(_CLOSE_OPEN, {"task": task, "now_ms": now_ms})

    def of(self, task: TaskId) -> Sequence[Attempt]:
        return [_attempt(*row) for row in self._db.all(_OF, {"task": task})]

    def recent_durations_ms(self, route: str, limit: int) -> Sequence[int]:
        return [int(row[0]) for row in self._db.all(_DURATIONS, {"route": route, "limit": limit})]


def _attempt(*columns: Any) -> Attempt:
    names = _COLUMNS.split(", ")
    facts = dict(zip(names, columns, strict=True))
    facts |= {"handle": load(facts["handle"]), "result": load(facts["result"]), "charged": bool(facts["charged"])}
    return Attempt(**facts)
