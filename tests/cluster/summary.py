"""What a run of the cluster showed, as lines."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cluster.faults import Fault
from crash.chaos.client import ClientRecord, Clients
from crash.chaos.records import RunRecords

SHOWN = 40


@dataclass(frozen=True, slots=True)
class Outcome:
    """`struck` counts the faults of vendors, `messages` are those that the receiver of webhooks took."""

    seed: int
    began_s: float
    records: RunRecords
    clients: Clients
    faults: Sequence[Fault]
    struck: Mapping[str, int]
    messages: Mapping[str, Sequence[Any]]
    violations: Sequence[str]

    def __str__(self) -> str:
        attempts = [each for task in self.records.tasks for each in task.attempts]
        charged = sum(each.charged for task in self.records.tasks for each in task.orders)
        unknown = sum(each.outcome == "unknown_outcome" for each in attempts)
        received = sum(map(len, self.messages.values()))
        lines = {
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "seed": f"{self.seed}",
            "tasks accepted": f"{len(self.records.tasks)}",
            "tasks ended": _counts(self.records.statuses),
            "faults of vendors": f"{sum(self.struck.values())}",
            "requests that clients repeated": f"{sum(self.clients.retries.values())}: {_counts(self.clients.retries)}",
            "orders in the journal": f"{len(attempts)}, {unknown} with unknown outcome",
            "charged purchases": f"{charged}, {len(self.records.unmatched_purchases)} unmatched",
            "webhook messages received": f"{received} for {len(self.records.deliveries)} deliveries",
            "time": f"{time.monotonic() - self.began_s:.0f} s",
            "violations": f"{len(self.violations)}",
        }
        table = ["", f"{'seconds until':<40}{'in order':>10}{'accepted':>10}{'ended':>10}{'under way':>11}"]
        table += [_row(fault, self.clients.client_records) for fault in self.faults]
        shown = [f"  ! {violation}" for violation in self.violations[:SHOWN]]
        return "\n".join([*(f"{name:<34}{value}" for name, value in lines.items()), *table, *shown])


def _row(fault: Fault, records: Sequence[ClientRecord]) -> str:
    """Seconds from a fault on: until all was in order, the first task sent after it was accepted, and ended, and all
    that were under way had ended."""
    began = fault.began_s
    after = [each for each in records if each.sent_s >= began]
    accepted = min((each.accepted_s for each in after if each.accepted_s), default=began)
    ended = min((each.ended_s for each in after if each.ended_s), default=began)
    last = max((each.ended_s for each in records if each.accepted_s < began <= each.ended_s), default=began)
    figures = (fault.over_s - began, accepted - began, ended - began)
    return f"{fault.name:<40}" + "".join(f"{each:>10.1f}" for each in figures) + f"{last - began:>11.1f}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in Counter(counts).most_common()) or "none"
