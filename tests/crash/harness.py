"""A service whose worker processes are killed: it submits tasks, runs workers, and checks the invariants."""

import asyncio
import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from crash import process_under_test
from crash.process_under_test import ChildJob
from limner.bootstrap import Limner
from limner.db.tables.attempts import Attempt
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId
from limner.domain.routing.route import UnknownOutcome
from limner.domain.tasks.task import Status, Task
from limner.providers.sandbox import card

CREDITS = 1_000_000
LOOPS = ("dispatcher ", "rescuer ")
"""Loops. Their first round claims the task; later rounds repeat it."""

NOTIFYING = ("webhooks ", "progress ", "perceptual_hashes ")
"""Loops that notify or index and take no part in running a task."""

LEASES = "leases "
"""The loop that renews leases: it finds a running task only in a run that takes half a second."""


class ForkServer:
    """Starts one child process after another."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self, job: ChildJob, started: Callable[[int], None] = lambda _: None) -> int:
        """Run a job and return the child's exit code; `started` is called with its process id."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(process_under_test.as_line(job))
        self._process.stdin.flush()
        started(int(self._process.stdout.readline()))
        return int(self._process.stdout.readline())


@contextmanager
def start_fork_server() -> Iterator[ForkServer]:
    command = [sys.executable, process_under_test.__file__]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        yield ForkServer(process)


@dataclass(frozen=True, slots=True)
class ChildRun:
    """The exit code of a child and the steps it recorded."""

    end: int
    steps: list[str]

    @property
    def killed(self) -> bool:
        return self.end == -signal.SIGKILL


@dataclass
class CrashHarness:
    """One service, one account, and the purchases that its vendor recorded."""

    limner: Limner
    key: Key
    start_fork_server: ForkServer
    folder: Path
    vendor: str
    policy: UnknownOutcome
    allow: str = ""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def steps_to_kill_at(self, steps: Sequence[str]) -> Sequence[str]:
        """All steps on SQLite, every second one on PostgreSQL, which takes longer."""
        thorough = self.limner.settings.database_url is None or os.environ.get("LIMNER_TEST_EVERY_STEP")
        return steps if thorough else steps[::2]

    async def submit_task(self, pictures: int = 1) -> TaskId:
        request = process_under_test.request(str(next(self._numbers)))
        return (await self.limner.submit(self.key, replace(request, spec=replace(request.spec, n=pictures)))).task

    async def run_worker(self, *tasks: TaskId, die_at: str | None = None) -> ChildRun:
        """Run a worker until these tasks are final, or until the step at which it kills itself."""
        return await self._send(self._job(die_at, tasks))

    async def stop_worker(self, *tasks: TaskId, stop_at: str) -> ChildRun:
        """Run a worker that stops at this step without time to finish running tasks."""
        return await self._send(replace(self._job(None, tasks), stop_at=stop_at))

    async def run_submit(self, die_at: str | None = None) -> ChildRun:
        """Run a process that submits a task, or kills itself at a step."""
        return await self._send(self._job(die_at, ()))

    def _job(self, die_at: str | None, tasks: Sequence[TaskId]) -> ChildJob:
        settings = self.limner.settings
        return ChildJob(
            data=str(settings.data),
            trace=str(self.folder / f"trace-{next(self._numbers)}"),
            sales=str(self.sales),
            vendor=self.vendor,
            policy=self.policy,
            database_url=settings.database_url,
            die_at=die_at,
            tasks=tuple(tasks),
            account=self.key.account,
            allow=self.allow,
        )

    async def _send(self, job: ChildJob) -> ChildRun:
        end = await asyncio.to_thread(self.start_fork_server, job)
        return ChildRun(end, _lines(Path(job.trace)))

    @property
    def sales(self) -> Path:
        return self.folder / "book"

    def purchases(self, task: TaskId) -> list[str]:
        """The ids of the jobs that the vendor sold for this task."""
        sales = [json.loads(line) for line in _lines(self.sales)]
        return [sale["job"] for sale in sales if sale["task"] == task]

    async def task(self, task: TaskId) -> Task:
        found = await self.limner.store.read(lambda records: records.tasks.get(task))
        assert found
        return found

    async def attempts(self, task: TaskId) -> Sequence[Attempt]:
        return await self.limner.store.read(lambda records: records.attempts.of(task))

    async def tasks(self) -> Sequence[Task]:
        account = self.key.account
        return await self.limner.store.read(
            lambda records: records.tasks.recent(account=account, status=None, limit=1000)
        )

    async def violations(self, task: TaskId) -> list[str]:
        """Violations of the invariants of an ended task; empty if all hold."""
        seen, attempts, purchases = await self.task(task), await self.attempts(task), self.purchases(task)
        found = [f"it is {seen.status}"] if not seen.status.final else []
        if len(purchases) > len(attempts):
            found.append(f"{len(purchases)} purchases, {len(attempts)} attempts in the journal")
        found += [f"attempt {each.number} is still {each.state}" for each in attempts if each.state != "closed"]
        found += [f"attempt {each.number} has outcome None" for each in attempts if each.outcome is None]
        found += await self._picture_violations(seen, purchases)
        found += await self.ledger_violations()
        return found + self._leftovers()

    async def _picture_violations(self, task: Task, purchases: list[str]) -> list[str]:
        if task.status is not Status.SUCCESS:
            return [f"{task.status} costs {task.consumed}"] if task.consumed else []
        assert task.result
        made = task.result.pictures().values()
        found = [] if task.consumed * task.pictures == task.price * len(made) else ["its cost differs from its price"]
        for result in made:
            path = await self.limner.blobs.local(result.blob, self.folder)
            data = path.read_bytes()
            drawn = [card(job) for job in purchases] if self.vendor != "sandbox" else [data]
            seen = await self.limner.pictures.inspect(path)
            checks = {
                "its bytes have the wrong hash": hashlib.sha256(data).hexdigest() == result.blob,
                "its picture was never bought": data in drawn,
                "its picture has the wrong size": (seen.width, seen.height) == (result.width, result.height),
            }
            found += [violation for violation, right in checks.items() if not right]
        return found

    async def ledger_violations(self) -> list[str]:
        store, account = self.limner.store, self.key.account
        faults = list(await store.read(lambda records: records.ledger.inconsistencies()))
        balance = await store.read(lambda records: records.accounts.balance(account))
        owners = await store.read(lambda records: records.tasks.lease_owners())
        spent = sum(task.consumed for task in await self.tasks())
        if (balance.available, balance.frozen) != (CREDITS - spent, 0):
            faults.append(f"{balance} although {spent} credits were spent")
        return faults + [f"{owner} still holds a lease" for owner in owners]

    async def consistency_violations(self) -> list[str]:
        """Findings of the deep consistency check; empty if there are none."""
        findings = await self.limner.examine(hashes=True)
        return [f"{each.check}: {each.detail} {each.which}" for each in findings if not each.well]

    def _leftovers(self) -> list[str]:
        """Files in scratch other than this process's own empty folder."""
        mine = self.limner.scratch.folder
        left = [each for each in mine.parent.iterdir() if each != mine] + list(mine.iterdir())
        return [f"{each.name} is left in scratch" for each in left] + (
            [] if mine.is_dir() else ["the folder of a live process is gone"]
        )


async def funded_account(limner: Limner) -> Key:
    await limner.accounts.create("ada", CREDITS)
    return (await limner.accounts.create_key("ada", "first", ("generate", "read"))).key


def kill_points(steps: Sequence[str]) -> list[str]:
    """The steps that every run has: all of the task and of `main`, and the first of each kind of the loops."""
    relevant_steps = [step for step in steps if not step.startswith((*NOTIFYING, LEASES))]
    return [step for step in relevant_steps if not step.startswith(LOOPS) or step.split()[-2] == "1"]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
