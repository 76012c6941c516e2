"""Measure what tasks cost PostgreSQL: processor time, log, rows and commits of each.

By one process, then by several on one database at the same time. Tasks are submitted, bought of a vendor that answers
at once, decoded, kept, settled and read. The figures are in docs/scaling.md.
"""

import argparse
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bench.complete import complete_round  # noqa: E402 - they are beside this script, in no package
from bench.server import Server, limner, vendor  # noqa: E402
from tests.postgres import Server as Postgres  # noqa: E402
from tests.postgres import find_programs, running_server  # noqa: E402

WARM = 50
TICKS_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Spent:
    """What the database's server had used at a moment."""

    at_s: float
    cpu_s: float
    wal: int
    size: int
    commits: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="measure_postgres", description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--small", type=int, default=600, help="Tasks of each process that bring 1 KB.")
    parser.add_argument("--large", type=int, default=120, help="Tasks of each process that bring 1.6 MB.")
    chosen = parser.parse_args()
    programs = find_programs()
    if programs is None:
        raise SystemExit("PostgreSQL's programs are missing")
    with running_server(programs) as postgres:
        for what, megabytes, tasks in (("1 KB", 0.001, chosen.small), ("1.6 MB", 1.5552, chosen.large)):
            for processes in dict.fromkeys((1, chosen.processes)):
                _say(what, processes, tasks, _measured(postgres, processes, megabytes, tasks))


def _measured(postgres: Postgres, processes: int, megabytes: float, tasks: int) -> tuple[Spent, Spent, float]:
    """Before and after, and the processor time of Limner's processes."""
    with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="limner-measure-") as folder:
        database = stack.enter_context(postgres.database())
        at = stack.enter_context(vendor(0, megabytes))
        settings = {
            "account_tasks": "1000000",
            "secret": secrets.token_hex(32),
            "database_url": postgres.url(database),
            "storage_url": f"file://{folder}/blobs",
        }
        keys = {"OPENAI_API_KEY": "bench", "OPENAI_BASE_URL": f"http://127.0.0.1:{at.port}/v1"}
        first = stack.enter_context(limner(settings, vendors=keys))
        others = [stack.enter_context(limner(settings, vendors=keys)) for _ in range(processes - 1)]
        servers = [replace(each, key=first.key) for each in (first, *others)]
        with ThreadPoolExecutor(processes) as pool:
            list(pool.map(lambda each: complete_round(each, WARM), servers))
            before, cpu_s = _spent(postgres, database), _cpu_s(servers)
            list(pool.map(lambda each: complete_round(each, tasks), servers))
            return before, _spent(postgres, database), _cpu_s(servers) - cpu_s


def _cpu_s(servers: list[Server]) -> float:
    return sum(each.cpu_s() for each in servers)


def _spent(postgres: Postgres, database: str) -> Spent:
    with postgres.connect(database) as connection:
        wal, size = connection.execute(
            "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, pg_database_size(current_database())"
        ).fetchone() or (0, 0)
        connection.execute("SELECT pg_stat_force_next_flush()")
        (commits,) = connection.execute(
            "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone() or (0,)
    main_process = int((postgres.folder / "data" / "postmaster.pid").read_text().split()[0])
    return Spent(time.perf_counter(), _server_cpu_s(main_process), int(wal), int(size), int(commits))


def _server_cpu_s(main_process: int) -> float:
    """Of the server's first process, of its children, and of those that have ended."""
    own = _stat(main_process)
    ended = int(own[13]) + int(own[14])
    return (ended + sum(int(stat[11]) + int(stat[12]) for stat in (own, *_children(main_process)))) / TICKS_S


def _children(parent: int) -> Iterator[list[str]]:
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat = _stat(int(path.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(stat[1]) == parent:
            yield stat


def _stat(process: int) -> list[str]:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def _say(what: str, processes: int, tasks: int, measured: tuple[Spent, Spent, float]) -> None:
    before, after, limner_s = measured
    many = tasks * processes
    figures = {
        "tasks/s": many / (after.at_s - before.at_s),
        "ms of Limner a task": limner_s * 1000 / many,
        "ms of PostgreSQL a task": (after.cpu_s - before.cpu_s) * 1000 / many,
        "commits a task": (after.commits - before.commits) / many,
        "KB of log a task": (after.wal - before.wal) / many / 1000,
        "KB of rows a task": (after.size - before.size) / many / 1000,
    }
    shown = ", ".join(f"{value:.1f} {name}" for name, value in figures.items())
    sys.stdout.write(f"pictures of {what}, processes: {processes}: {shown}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
