"""One chaos run: run clients while Limner's processes are killed, then check the invariants."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crash.chaos.client import Clients
from crash.chaos.invariants import find_violations
from crash.chaos.plan import Plan
from crash.chaos.processes import Processes, running_processes
from crash.chaos.records import RunRecords, read_records, unfinished
from crash.chaos.vendors import faulty_vendors
from crash.chaos.webhook_receiver import WebhookReceiver, webhook_receiver

FIRST_CREDITS = 10_000
HIGHEST_PRICE = 10

PAUSE_S = 0.2
READY_S = 8.0


@dataclass(slots=True)
class KillSchedule:
    """When the next process is killed: every `every_s` seconds, or every `every_events` calls of `record_event`."""

    every_s: float = 0.0
    every_events: int = 0
    events: int = 0
    _event_added: asyncio.Event = field(default_factory=asyncio.Event)
    _running: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.resume()

    def pause(self) -> None:
        """Kill no process until `resume`."""
        self._running.clear()

    def resume(self) -> None:
        self._running.set()

    def record_event(self) -> None:
        self.events += 1
        self._event_added.set()

    async def next(self, kill_count: int) -> None:
        if self.every_events:
            await self.until((kill_count + 1) * self.every_events)
            return
        await asyncio.sleep(self.every_s)
        await self._running.wait()

    async def until(self, events: int) -> None:
        while self.events < events:
            self._event_added.clear()
            await self._event_added.wait()


@dataclass(frozen=True, slots=True)
class Outage:
    """Stops the database for `seconds` after half of the expected events."""

    seconds: float
    stop: Callable[[], None]
    start: Callable[[], None]

    async def __call__(self, plan: Plan, schedule: KillSchedule) -> None:
        await schedule.until(plan.tasks)
        schedule.pause()
        await asyncio.sleep(READY_S)  # the process that was killed last is ready again
        self.stop()
        await asyncio.sleep(self.seconds)
        self.start()  # in this thread: the server ends with the one that started it
        schedule.resume()


@dataclass(frozen=True, slots=True)
class End:
    """The checks after all processes have stopped. `violations` is empty in a good run."""

    violations: Sequence[str]
    balance: tuple[int, int]
    findings: Sequence[Mapping[str, Any]]
    quiet_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a run. `violations` is empty in a good run; the rest is for the summary."""

    plan: Plan
    records: RunRecords
    end: End
    violations: Sequence[str]
    kills: Mapping[str, int]
    faults: Mapping[str, int]
    retries: Mapping[str, int]
    granted: int
    messages: int
    took_s: float

    @property
    def charged_twice(self) -> int:
        """Number of tasks for which vendors charged more than once."""
        return sum(sum(each.charged for each in task.orders) > 1 for task in self.records.tasks)


async def run(
    folder: Path, plan: Plan, schedule: KillSchedule, database_url: str | None = None, outage: Outage | None = None
) -> Report:
    """Run once; logs, purchase records and data are written to `folder`."""
    began = time.monotonic()
    books = folder / "books.jsonl"
    url = database_url or f"sqlite:///{folder / 'data' / 'limner.db'}"
    granted = max(FIRST_CREDITS, plan.tasks * HIGHEST_PRICE)
    async with asyncio.timeout(plan.timeout_s):
        with faulty_vendors(books, plan) as vendors:
            async with webhook_receiver(plan.seed) as receiver:
                variables = {**vendors.environment, **plan.settings(receiver.host), "LIMNER_DATABASE_URL": url}
                async with running_processes(folder, plan, variables) as processes:
                    outage_task = asyncio.create_task(outage(plan, schedule)) if outage else None
                    clients = await _run_clients(plan, schedule, processes, receiver)
                    if outage_task:
                        await outage_task
                    end = await _wait_and_check(processes, url)
        records = await asyncio.to_thread(read_records, url, books)
    violations = [
        *end.violations,
        *find_violations(records, clients.client_records, receiver.messages),
        *receiver.violations,
    ]
    violations += _balance_violations(records, plan, granted, end.balance)
    counts = (
        processes.kills,
        vendors.struck,
        clients.retries,
        granted,
        sum(map(len, receiver.messages.values())),
    )
    return Report(plan, records, end, violations, *counts, time.monotonic() - began)


async def _run_clients(plan: Plan, schedule: KillSchedule, processes: Processes, receiver: WebhookReceiver) -> Clients:
    await processes.start_all()
    if (lacking := plan.tasks * HIGHEST_PRICE - FIRST_CREDITS) > 0:
        await processes.cli("credits", "grant", str(lacking))
    receiver.secret = (await processes.cli("webhooks", "add", receiver.address))["secret"]
    clients = Clients(plan, processes.url, processes.key, schedule.record_event)
    await _run_with_kills(clients, processes, schedule, plan.seed)
    return clients


async def _wait_and_check(processes: Processes, url: str) -> End:
    """Wait until all tasks and webhooks have ended, stop all processes, and run the consistency checks."""
    began = time.monotonic()
    await _until_quiet(processes, url)
    ends = await processes.stop()
    commands = (("doctor", "--deep", "--hashes"), ("credits", "prove"), ("credits", "show", "--limit", "1"))
    doctor, proof, shown = await asyncio.gather(*(processes.cli(*command) for command in commands))
    violations = [
        *(f"the {name} ended with {end}" for name, end in ends.items() if end),
        *processes.unexpected_exits,
        *processes.logged_errors(),
        *(f"doctor: {f['check']}: {f['detail']} {f['which']}" for f in doctor["findings"] if not f["well"]),
        *(f"the ledger: {fault}" for fault in proof["faults"]),
        *(f"{left.name} lies in scratch" for left in (processes.data / "scratch").iterdir()),
    ]
    return End(violations, (shown["balance"], shown["frozen"]), doctor["findings"], time.monotonic() - began)


def _balance_violations(records: RunRecords, plan: Plan, granted: int, balance: tuple[int, int]) -> Iterator[str]:
    spent = sum(each.consumed for each in records.tasks)
    if balance != (granted - spent, 0):
        yield f"the balance is {balance}: {granted} were granted and {spent} spent"
    if len(records.tasks) != plan.tasks:
        yield f"{plan.tasks} tasks were submitted, and the database has {len(records.tasks)}"


async def _run_with_kills(clients: Clients, processes: Processes, schedule: KillSchedule, seed: int) -> None:
    """Run the clients to their end while processes are killed and restarted."""
    serving = asyncio.create_task(clients())
    kill_count = 0
    try:
        while await _comes_before(schedule.next(kill_count), serving):
            await processes.kill_one(random.Random(f"{seed} kill {kill_count}"))
            kill_count += 1
        await serving
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def _comes_before(kill_timer: Coroutine[Any, Any, None], end: "asyncio.Task[None]") -> bool:
    coming = asyncio.ensure_future(kill_timer)
    await asyncio.wait({coming, end}, return_when=asyncio.FIRST_COMPLETED)
    coming.cancel()
    return not end.done()


async def _until_quiet(processes: Processes, url: str) -> None:
    """Wait until no task is unfinished and no webhook is pending; nothing is killed meanwhile."""
    while any(await asyncio.to_thread(unfinished, url)):
        await processes.restart_exited()
        await asyncio.sleep(PAUSE_S)
