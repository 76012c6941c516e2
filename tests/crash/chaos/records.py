"""What a run left: rows of Limner's database and the purchase records of the vendors."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from limner.db.sql import Db, Sql
from limner.db.tables.attempts import LATE_PICTURE
from stores import raw_database

_TASKS = Sql(
    "SELECT id, model, status, price, consumed, claims, cancel_requested, error_msg, pictures, echo FROM tasks"
)
_ATTEMPTS = Sql("""
    SELECT task, provider, number, state, outcome, charged, handle, result IS NOT NULL, part, coalesce(detail, '')
    FROM attempts
    ORDER BY task, part, number
""")
_EVENTS = Sql("SELECT task, status FROM task_events ORDER BY id")
_LEDGER = Sql("SELECT task, movement, available, frozen FROM ledger WHERE task IS NOT NULL ORDER BY id")
_DELIVERIES = Sql("SELECT id, task, event, state FROM deliveries")
_PENDING = Sql("SELECT count(*) FROM deliveries WHERE state = 'pending'")
_UNFINISHED = Sql("SELECT count(*) FROM tasks WHERE status IN ('queued', 'running')")

_MARKER = re.compile(r"task \d{6} of run \d+")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row of `attempts`. `delivered` says that a result is stored."""

    task: str
    provider: str
    number: int
    state: str
    outcome: str | None
    charged: bool
    handle: str
    delivered: bool
    part: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase as a vendor recorded it."""

    vendor: str
    model: str
    handle: str
    charged: bool
    prompt: str


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One task with its attempts, purchases, events and ledger rows."""

    id: str
    model: str
    status: str
    price: int
    consumed: int
    claims: int
    cancelled: bool
    error: str
    prompt: str
    attempts: Sequence[Attempt]
    purchases: Sequence[Purchase]
    events: Sequence[str]
    movements: Sequence[tuple[str, int, int]]
    pictures: int = 1
    """How many pictures it was to make."""

    @property
    def parts(self) -> list[list[Attempt]]:
        """The attempts for each picture, in their order."""
        parts: dict[str, list[Attempt]] = {}
        for each in self.attempts:
            parts.setdefault(each.part, []).append(each)
        return list(parts.values())

    @property
    def delivered(self) -> int:
        """How many of its pictures were delivered."""
        return sum(any(each.delivered for each in part) for part in self.parts)

    @property
    def delivered_in_time(self) -> int:
        """The same without pictures that came after their order had been closed: their task may have ended by then."""
        return sum(any(each.delivered and LATE_PICTURE not in each.detail for each in part) for part in self.parts)

    @property
    def orders(self) -> list[Purchase]:
        """Purchases without the upscales of Midjourney grids."""
        return [each for each in self.purchases if each.model != "upscale"]


@dataclass(frozen=True, slots=True)
class RunRecords:
    tasks: Sequence[TaskRecord]
    deliveries: Sequence[tuple[str, str, str, str]]
    unmatched_purchases: Sequence[Purchase] = field(default_factory=list)
    """Purchases that match no task."""
    violations: Sequence[Any] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[str]:
        return Counter(each.status for each in self.tasks)


def unfinished(url: str) -> tuple[int, int]:
    """Counts of tasks that have not ended and of deliveries that are pending."""
    with raw_database(url) as db:
        return int(db.value(_UNFINISHED, {})), int(db.value(_PENDING, {}))


def read_records(url: str, purchase_file: Path) -> RunRecords:
    """Blocking: reads whole tables."""
    purchases, violations = read_purchases(purchase_file)
    with raw_database(url) as db:
        return _records(db, purchases, violations)


def read_purchases(purchase_file: Path) -> tuple[list[Purchase], list[Any]]:
    rows = [json.loads(line) for line in purchase_file.read_text().splitlines()] if purchase_file.exists() else []
    orders = [row["purchase"] for row in rows if "purchase" in row]
    purchases = [Purchase(b["vendor"], b["model"], b["handle"], b["charged"], b["prompt"]) for b in orders]
    return purchases, [row["violation"] for row in rows if "violation" in row]


def marker_in(prompt: str) -> str:
    """The words in which this prompt differs from those of all other tasks."""
    found = _MARKER.search(prompt)
    return found[0] if found else ""


def _records(db: Db, purchases: Sequence[Purchase], violations: Sequence[Any]) -> RunRecords:
    attempts, events, movements = defaultdict(list), defaultdict(list), defaultdict(list)
    for task, provider, number, state, outcome, charged, handle, delivered, part, detail in db.all(_ATTEMPTS):
        row = Attempt(
            task, provider, number, state, outcome, bool(charged), handle or "", bool(delivered), part, detail
        )
        attempts[task].append(row)
    for task, status in db.all(_EVENTS):
        events[task].append(status)
    for task, *movement in db.all(_LEDGER):
        movements[task].append(tuple(movement))
    by_marker = defaultdict(list)
    for purchase in purchases:
        by_marker[marker_in(purchase.prompt)].append(purchase)
    tasks = []
    for id_, model, status, price, consumed, claims, cancelled, error, pictures, echo in db.all(_TASKS):
        prompt = json.loads(echo)["prompt"]
        orders = by_marker.pop(marker_in(prompt), [])
        row = (id_, model, status, price, consumed, claims, bool(cancelled), error or "", prompt)
        tasks.append(TaskRecord(*row, attempts[id_], orders, events[id_], movements[id_], pictures))
    unmatched_purchases = [purchase for left in by_marker.values() for purchase in left]
    return RunRecords(tasks, db.all(_DELIVERIES), unmatched_purchases, violations)
