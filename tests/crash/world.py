"""A service to kill workers of: it submits tasks, sends victims, and says what is wrong afterwards."""

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

from crash import victim
from crash.victim import Job
from limner.bootstrap import Limner
from limner.db.tables.attempts import Attempt
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId
from limner.domain.routing.route import UnknownOutcome
from limner.domain.tasks.task import Status, Task
from limner.providers.sandbox import card

CREDITS = 1_000_000
LOOPS = ("dispatcher ", "leases ", "rescuer ")
"""Who goes round. The first round takes the task up; a later one is the same again."""

TELLING = ("webhooks ", "progress ")
"""Who has no part in a task: what became of it is told by them."""


class Nursery:
    """Makes victims, one after another."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self, job: Job, born: Callable[[int], None] = lambda _: None) -> int:
        """How the victim ended. `born` hears its process number."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(victim.as_line(job))
        self._process.stdin.flush()
        born(int(self._process.stdout.readline()))
        return int(self._process.stdout.readline())


@contextmanager
def nursery() -> Iterator[Nursery]:
    command = [sys.executable, victim.__file__]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        yield Nursery(process)


@dataclass(frozen=True, slots=True)
class Run:
    """One victim's life: how it ended and the steps it took."""

    end: int
    steps: list[str]

    @property
    def killed(self) -> bool:
        return self.end == -signal.SIGKILL


@dataclass
class World:
    """One service and its vendor's book. Its tasks come one after another."""

    limner: Limner
    key: Key
    nursery: Nursery
    folder: Path
    vendor: str
    policy: UnknownOutcome
    allow: str = ""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def chosen(self, steps: Sequence[str]) -> Sequence[str]:
        """The steps to end a worker at: all of them on SQLite, every second one on PostgreSQL, which takes longer."""
        thorough = self.limner.settings.database_url is None or os.environ.get("LIMNER_TEST_EVERY_STEP")
        return steps if thorough else steps[::2]

    async def submits(self) -> TaskId:
        return (await self.limner.submit(self.key, victim.request(str(next(self._numbers))))).task

    async def works(self, *tasks: TaskId, die_at: str | None = None) -> Run:
        """Send a worker that sees these tasks through, or dies on the way."""
        return await self._send(self._job(die_at, tasks))

    async def stops(self, *tasks: TaskId, stop_at: str) -> Run:
        """Send a worker that is told to stop at this step, and has no time to finish anything."""
        return await self._send(replace(self._job(None, tasks), stop_at=stop_at))

    async def accepts(self, die_at: str | None = None) -> Run:
        """Send a process that accepts a task, or dies on the way."""
        return await self._send(self._job(die_at, ()))

    def _job(self, die_at: str | None, tasks: Sequence[TaskId]) -> Job:
        settings = self.limner.settings
        return Job(
            data=str(settings.data),
            trace=str(self.folder / f"trace-{next(self._numbers)}"),
            book=str(self.book),
            vendor=self.vendor,
            policy=self.policy,
            database_url=settings.database_url,
            die_at=die_at,
            tasks=tuple(tasks),
            account=self.key.account,
            allow=self.allow,
        )

    async def _send(self, job: Job) -> Run:
        end = await asyncio.to_thread(self.nursery, job)
        return Run(end, _lines(Path(job.trace)))

    @property
    def book(self) -> Path:
        return self.folder / "book"

    def sold(self, task: TaskId) -> list[str]:
        """The jobs that the vendor was paid for, for this task."""
        sales = [json.loads(line) for line in _lines(self.book)]
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

    async def wrongs(self, task: TaskId) -> list[str]:
        """What must hold for every task that has ended, whatever died on its way; nothing is the only good answer."""
        seen, attempts, sold = await self.task(task), await self.attempts(task), self.sold(task)
        found = [f"it is {seen.status}"] if not seen.status.final else []
        if len(sold) > len(attempts):
            found.append(f"{len(sold)} purchases, {len(attempts)} attempts in the journal")
        found += [f"attempt {each.number} is left {each.state}" for each in attempts if each.state != "closed"]
        found += [f"attempt {each.number} has outcome None" for each in attempts if each.outcome is None]
        found += await self._wrong_picture(seen, sold)
        found += await self.wrong_books()
        return found + self._leftovers()

    async def _wrong_picture(self, task: Task, sold: list[str]) -> list[str]:
        if task.status is not Status.SUCCESS:
            return [f"{task.status} costs {task.consumed}"] if task.consumed else []
        assert task.result
        path = await self.limner.blobs.local(task.result.blob, self.folder)
        data = path.read_bytes()
        drawn = [card(job) for job in sold] if self.vendor != "sandbox" else [data]
        seen = await self.limner.pictures.inspect(path)
        checks = {
            "its bytes have another hash": hashlib.sha256(data).hexdigest() == task.result.blob,
            "its picture was never sold": data in drawn,
            "its picture has another size": (seen.width, seen.height) == (task.result.width, task.result.height),
            "it cost something else than its price": task.consumed == task.price,
        }
        return [wrong for wrong, right in checks.items() if not right]

    async def wrong_books(self) -> list[str]:
        store, account = self.limner.store, self.key.account
        faults = list(await store.read(lambda records: records.ledger.inconsistencies()))
        balance = await store.read(lambda records: records.accounts.balance(account))
        owners = await store.read(lambda records: records.tasks.lease_owners())
        spent = sum(task.consumed for task in await self.tasks())
        if (balance.available, balance.frozen) != (CREDITS - spent, 0):
            faults.append(f"{balance} after {spent} credits were spent")
        return faults + [f"{owner} still has a lease" for owner in owners]

    async def examined(self) -> list[str]:
        """What a deep look at all that is kept finds wrong; nothing is the only good answer."""
        findings = await self.limner.examine(hashes=True)
        return [f"{each.check}: {each.detail} {each.which}" for each in findings if not each.well]

    def _leftovers(self) -> list[str]:
        """Nothing but this process's own folder may lie in scratch, and nothing in that."""
        mine = self.limner.scratch.folder
        left = [each for each in mine.parent.iterdir() if each != mine] + list(mine.iterdir())
        return [f"{each.name} lies in scratch" for each in left] + ([] if mine.is_dir() else ["a live folder is gone"])


async def rich_account(limner: Limner) -> Key:
    await limner.accounts.create("ada", CREDITS)
    return (await limner.accounts.create_key("ada", "first", ("generate", "read"))).key


def killable(steps: Sequence[str]) -> list[str]:
    """The steps that every run comes by: all of the task and of `main`, and of the loops the first of each kind."""
    concerned = [step for step in steps if not step.startswith(TELLING)]
    return [step for step in concerned if not step.startswith(LOOPS) or step.split()[-2] == "1"]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
