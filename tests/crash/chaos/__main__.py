"""`python -m crash.chaos`: thousands of tasks, faulty vendors, and a process killed every two seconds."""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from crash.chaos.plan import Plan
from crash.chaos.records import RunRecords
from crash.chaos.run import KillSchedule, Outage, Report, run
from postgres import RestartableServer, find_programs, restartable_server

SHOWN = 40


def main() -> int:
    chosen = _chosen()
    plan = Plan(
        tasks=chosen.tasks,
        seed=chosen.seed,
        faults=chosen.faults,
        clients=chosen.clients,
        server_works=chosen.workers == 0,
        workers=chosen.workers,
        timeout_s=60 + chosen.tasks * 3.0,
    )
    folder = Path(tempfile.mkdtemp(prefix="limner-chaos-"))
    _say(f"seed {plan.seed}, {plan.tasks} tasks, {chosen.database}; logs and data are in {folder}")
    with _database(chosen.database) as database:
        url, outage = (database.url, database.outage(chosen.outage)) if database else (None, None)
        report = asyncio.run(run(folder, plan, KillSchedule(every_s=chosen.every), url, outage))
    _say(summary(report, chosen.database))
    if not (report.violations or chosen.keep):
        shutil.rmtree(folder)
    return 1 if report.violations else 0


def summary(report: Report, database: str) -> str:
    records, end = report.records, report.end
    attempts = [each for task in records.tasks for each in task.attempts]
    orders = [each for task in records.tasks for each in task.orders]
    unknown = sum(each.outcome == "unknown_outcome" for each in attempts)
    lines = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "seed": f"{report.plan.seed}",
        "database": database,
        "tasks accepted": f"{len(records.tasks)}",
        "tasks ended": _counts(records.statuses),
        "kills": _counts(report.kills),
        "faults injected": f"{sum(report.faults.values())}: {_counts(report.faults)}",
        "client retries": f"{sum(report.retries.values())}: {_counts(report.retries)}",
        "orders in the journal": f"{len(attempts)}",
        "charged purchases": f"{sum(each.charged for each in orders)}, {len(records.unmatched_purchases)} unmatched",
        "last outcome of failed tasks": _counts(_last_outcomes(records)),
        "unknown outcomes": f"{unknown}",
        "tasks charged more than once": f"{report.charged_twice}",
        "credits": f"{report.granted} granted, {report.granted - sum(end.balance)} spent, {end.balance[1]} held",
        "webhook messages received": f"{report.messages} for {len(records.deliveries)} deliveries",
        "time": f"{report.took_s:.0f} s, of them {end.quiet_s:.0f} s quiet at the end",
        "doctor": "; ".join(f"{each['check']}: {each['detail']}" for each in end.findings if each["well"]),
        "violations": f"{len(report.violations)}",
    }
    shown = [f"  ! {violation}" for violation in report.violations[:SHOWN]]
    return "\n".join([*(f"{name:<32}{value}" for name, value in lines.items()), *shown])


def _last_outcomes(records: RunRecords) -> Counter[str]:
    failed = [each for each in records.tasks if each.status == "failed"]
    return Counter((each.attempts[-1].outcome or "none") if each.attempts else each.error for each in failed)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda each: -each[1])) or "none"


def _chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--faults", type=float, default=0.1, help="Share of orders that get a fault.")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2, help="Worker processes; with 0 the server runs the tasks.")
    parser.add_argument("--every", type=float, default=2.0, help="Seconds between two kills.")
    parser.add_argument("--outage", type=float, default=0, help="Seconds for which PostgreSQL is stopped halfway.")
    parser.add_argument("--keep", action="store_true", help="Keep the logs, the purchase records and the data.")
    return parser.parse_args()


@dataclass(frozen=True, slots=True)
class Database:
    """A temporary PostgreSQL server and a database on it."""

    server: RestartableServer
    url: str

    def outage(self, seconds: float) -> Outage | None:
        return Outage(seconds, self.server.stop, self.server.start) if seconds else None


@contextmanager
def _database(kind: str) -> Iterator[Database | None]:
    if kind == "sqlite":
        yield None
        return
    programs = find_programs()
    if programs is None:
        raise SystemExit("PostgreSQL's programs are not installed: Debian's package `postgresql` brings them.")
    with restartable_server(programs) as made, made.server.database() as name:
        yield Database(made, made.server.url(name))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
