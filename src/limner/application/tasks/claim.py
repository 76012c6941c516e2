"""Claiming tasks from the queue: they become `running`, under a lease, with an event for watchers."""

from collections.abc import Sequence

from limner.db.records import Records
from limner.db.tables.tasks import ClaimedTask, ClaimLimit


def claim(
    records: Records,
    owner: str,
    now_ms: int,
    lease_ms: int,
    *,
    limit: int,
    claim_limits: Sequence[ClaimLimit] = (),
) -> Sequence[ClaimedTask]:
    """The next tasks in fair order, under this owner's lease and within the limits of their models."""
    claimed = records.tasks.claim(owner, now_ms, lease_ms, limit, claim_limits)
    records.events.add_all([each.task for each in claimed], now_ms)
    return claimed
