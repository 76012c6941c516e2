"""The newest closed calls of a route, from the journal's index by route and time."""

from collections.abc import Sequence

from limner.db.sql import Db, Sql
from limner.domain.routing.call_statistics import ClosedCall

_NEWEST = Sql("""
    SELECT outcome, coalesce(delivered_ms, closed_ms) - intended_ms, cost_usd, closed_ms FROM attempts
    WHERE route = :route AND closed_ms >= :since_ms AND outcome IS NOT NULL ORDER BY closed_ms DESC LIMIT :limit
""")


class RouteCallQueries:
    def __init__(self, db: Db) -> None:
        self._db = db

    def newest(self, route: str, since_ms: int, limit: int) -> Sequence[ClosedCall]:
        """The newest calls of the route that ended since then, the newest first."""
        rows = self._db.all(_NEWEST, {"route": route, "since_ms": since_ms, "limit": limit})
        return [ClosedCall(outcome, int(latency), cost, int(closed)) for outcome, latency, cost, closed in rows]
