"""What is written of a run when it is over: by Limner in its database, by the vendors in their books."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from limner.db.sql import Db, Sql
from stores import raw_database

_TASKS = Sql("SELECT id, model, status, price, consumed, claims, cancel_requested, error_msg, echo FROM tasks")
_ATTEMPTS = Sql("""
    SELECT task, provider, number, state, outcome, charged, handle, result IS NOT NULL FROM attempts
    ORDER BY task, number
""")
_EVENTS = Sql("SELECT task, status FROM task_events ORDER BY id")
_LEDGER = Sql("SELECT task, movement, available, frozen FROM ledger WHERE task IS NOT NULL ORDER BY id")
_DELIVERIES = Sql("SELECT id, task, event, state FROM deliveries")
_PENDING = Sql("SELECT count(*) FROM deliveries WHERE state = 'pending'")
_UNDER_WAY = Sql("SELECT count(*) FROM tasks WHERE status IN ('queued', 'running')")

_MARK = re.compile(r"task \d{6} of run \d+")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A line of the journal. `brought` says that a picture is in our own store."""

    task: str
    provider: str
    number: int
    state: str
    outcome: str | None
    charged: bool
    handle: str
    brought: bool


@dataclass(frozen=True, slots=True)
class Purchase:
    """A line of a vendor's books."""

    vendor: str
    model: str
    handle: str
    charged: bool
    prompt: str


@dataclass(frozen=True, slots=True)
class Account:
    """One task, as everybody has written it down."""

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

    @property
    def bought(self) -> list[Purchase]:
        """Pictures, and not what is picked out of a grid that is bought."""
        return [each for each in self.purchases if each.model != "upscale"]


@dataclass(frozen=True, slots=True)
class Facts:
    accounts: Sequence[Account]
    deliveries: Sequence[tuple[str, str, str, str]]
    strangers: Sequence[Purchase] = field(default_factory=list)
    """Purchases for nobody's task."""
    violations: Sequence[Any] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[str]:
        return Counter(each.status for each in self.accounts)


def left_to_do(url: str) -> tuple[int, int]:
    """Tasks that have not ended, and messages that have not been sent."""
    with raw_database(url) as db:
        return int(db.value(_UNDER_WAY, {})), int(db.value(_PENDING, {}))


def gather(url: str, books: Path) -> Facts:
    """Blocking: reads whole tables."""
    purchases, violations = read_books(books)
    with raw_database(url) as db:
        return _facts(db, purchases, violations)


def read_books(books: Path) -> tuple[list[Purchase], list[Any]]:
    rows = [json.loads(line) for line in books.read_text().splitlines()] if books.exists() else []
    bought = [row["purchase"] for row in rows if "purchase" in row]
    purchases = [Purchase(b["vendor"], b["model"], b["handle"], b["charged"], b["prompt"]) for b in bought]
    return purchases, [row["violation"] for row in rows if "violation" in row]


def mark_in(prompt: str) -> str:
    """The words that no other task's prompt has."""
    found = _MARK.search(prompt)
    return found[0] if found else ""


def _facts(db: Db, purchases: Sequence[Purchase], violations: Sequence[Any]) -> Facts:
    attempts, events, movements = defaultdict(list), defaultdict(list), defaultdict(list)
    for task, provider, number, state, outcome, charged, handle, brought in db.all(_ATTEMPTS):
        told = Attempt(task, provider, number, state, outcome, bool(charged), handle or "", bool(brought))
        attempts[task].append(told)
    for task, status in db.all(_EVENTS):
        events[task].append(status)
    for task, *movement in db.all(_LEDGER):
        movements[task].append(tuple(movement))
    by_mark = defaultdict(list)
    for purchase in purchases:
        by_mark[mark_in(purchase.prompt)].append(purchase)
    accounts = []
    for id_, model, status, price, consumed, claims, cancelled, error, echo in db.all(_TASKS):
        prompt = json.loads(echo)["prompt"]
        bought = by_mark.pop(mark_in(prompt), [])
        told = (id_, model, status, price, consumed, claims, bool(cancelled), error or "", prompt)
        accounts.append(Account(*told, attempts[id_], bought, events[id_], movements[id_]))
    strangers = [purchase for left in by_mark.values() for purchase in left]
    return Facts(accounts, db.all(_DELIVERIES), strangers, violations)
