"""The queue by itself, in process on SQLite: ends a second, a rescue of a thousand, and what a full table costs.

Full is a million tasks that are done, with their ledger, journal and events, and a hundred thousand that wait. Empty
and full are measured in turn within one run, so that what the machine does hits both alike.
"""  # noqa: A005 - it is `bench.queue`

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from bench.fill import connected, fill
from bench.report import Figure
from limner.application.tasks.claim import claim
from limner.application.tasks.settle import settle
from limner.bootstrap import Limner, build, prepare_data
from limner.db.records import Records
from limner.db.tables.keys import Key
from limner.db.tables.tasks import ClaimedTask
from limner.domain.ids import BlobId, TaskId
from limner.domain.tasks.request import ImageRequest, TaskType
from limner.domain.tasks.spec import TaskSpec
from limner.domain.tasks.task import Ending, Result, Status
from limner.settings import Settings
from limner.telemetry.logs import configure_logs

LEASE_MS = 15_000
CLAIM = 100
AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Size:
    """Tasks that end, and that are rescued; what the full table holds; rounds, and what each submits and claims."""

    ends: int
    orphans: int
    orphans_lease_ms: int
    finished: int
    queued: int
    rounds: int
    tasks: int


FULL = Size(ends=3000, orphans=1000, orphans_lease_ms=3000, finished=1_000_000, queued=100_000, rounds=7, tasks=400)
SHORT = Size(ends=50, orphans=20, orphans_lease_ms=200, finished=1000, queued=100, rounds=1, tasks=50)

DONE = Ending(
    Status.SUCCESS,
    consumed=5,
    result=Result(BlobId("ab" * 32), "image/png", "png", 1024, 1024),
    served_by={"provider": "sandbox"},
)
REQUEST = ImageRequest(
    type=TaskType.GENERATE_IMAGE,
    spec=TaskSpec(prompt="a lighthouse on a cliff at dusk, soft light"),
    model=None,
    files=(),
    priority=1,
    echo={"prompt": "a lighthouse on a cliff at dusk, soft light"},
)


def figures(size: Size) -> Iterator[Figure]:
    configure_logs("console", "error")
    yield from asyncio.run(_ends(size.ends))
    yield from asyncio.run(_rescue(size.orphans, size.orphans_lease_ms))
    yield from asyncio.run(_growth(size))


@dataclass(frozen=True, slots=True)
class Bench:
    """A service over a data folder of its own, and an account that may do as it likes."""

    limner: Limner
    key: Key

    async def submits(self, many: int) -> list[TaskId]:
        """So many tasks, `AT_ONCE` of them side by side."""
        submit, made = self.limner.submit, list[TaskId]()

        async def one(_: int) -> None:
            made.append((await submit(self.key, REQUEST)).task)

        await _side_by_side(one, many)
        return made

    async def claims(self, owner: str, many: int, lease_ms: int = LEASE_MS) -> list[TaskId]:
        taken: list[TaskId] = []
        while len(taken) < many:
            claimed = await self.limner.store.run(partial(self._claim, owner=owner, lease_ms=lease_ms))
            assert claimed
            taken += [each.task.id for each in claimed]
        return taken

    def _claim(self, records: Records, *, owner: str, lease_ms: int) -> Sequence[ClaimedTask]:
        now_ms = self.limner.clock.now_ms()
        return claim(records, owner, now_ms, lease_ms, limit=CLAIM)

    def fill(self, finished: int, queued: int) -> None:
        path, now_ms = self.limner.settings.data / "limner.db", self.limner.clock.now_ms()
        fill(path, self.key.account, now_ms, finished=finished, queued=queued)

    def put_back(self) -> None:
        """All that runs into the queue again."""
        with connected(self.limner.settings.data / "limner.db") as connection:
            connection.execute("UPDATE tasks SET status = 'queued', lease_owner = NULL WHERE status = 'running'")

    def count(self, where: str) -> int:
        with connected(self.limner.settings.data / "limner.db") as connection:
            found = connection.execute(f"SELECT count(*) FROM tasks WHERE {where}")  # noqa: S608 - a word of ours
            return int(found.fetchone()[0])


@asynccontextmanager
async def _opened() -> AsyncIterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="limner-bench-") as folder:
        settings = Settings(data=Path(folder) / "data", engine="sandbox", account_tasks=100_000_000)
        prepare_data(settings)
        limner = build(settings)
        account = await limner.accounts.create("bench", 1_000_000_000)
        made = await limner.accounts.create_key(account.name, "bench", ("generate", "read"))
        yield Bench(limner, made.key)
        await limner.close()


async def _side_by_side(work: Callable[[int], Awaitable[None]], many: int) -> None:
    numbers = iter(range(many))

    async def lane() -> None:
        for number in numbers:
            await work(number)

    await asyncio.gather(*(lane() for _ in range(AT_ONCE)))


# --- ends ---------------------------------------------------------------------------------------------------------


async def _ends(many: int) -> list[Figure]:
    """Status, ledger, limit, journal, event and the outbox of one webhook, in one durable transaction each."""
    async with _opened() as bench:
        await bench.limner.webhooks.add(bench.key.account, "https://example.com/hook", (), "bench")
        await bench.submits(many)
        tasks = await bench.claims("worker", many)
        store, now_ms = bench.limner.store, bench.limner.clock.now_ms()

        async def one(number: int) -> None:
            ended = await store.run(lambda records: settle(records, tasks[number], DONE, now_ms, owner="worker"))
            assert ended

        began = time.perf_counter()
        await _side_by_side(one, many)
        per_second = many / (time.perf_counter() - began)
        assert bench.count("status = 'success'") == many
        return [Figure("settle", per_second, "tasks/s")]


# --- rescue -------------------------------------------------------------------------------------------------------


async def _rescue(many: int, lease_ms: int) -> list[Figure]:
    """From the moment a dead machine's leases run out until its tasks are in another worker's hands, and done."""
    async with _opened() as bench:
        await bench.submits(many)
        worker = bench.limner.worker()
        await bench.claims("a dead machine", many, lease_ms)
        last_ms = _last_lease_ms(bench)
        worker.start()
        taken_s = await _seconds_until(bench, last_ms, "lease_owner = 'a dead machine'")
        done_s = await _seconds_until(bench, last_ms, "status <> 'success'")
        await worker.stop()
        return [
            Figure("rescue_taken_over", taken_s, "s"),
            Figure("rescue_done", done_s, "s"),
        ]


def _last_lease_ms(bench: Bench) -> int:
    with connected(bench.limner.settings.data / "limner.db") as connection:
        return int(connection.execute("SELECT max(lease_until_ms) FROM tasks").fetchone()[0])


async def _seconds_until(bench: Bench, since_ms: int, none_is: str) -> float:
    """How long after that moment it was until there was no such task."""
    await asyncio.to_thread(_wait, lambda: bench.count(none_is) == 0)
    return max(0.0, (bench.limner.clock.now_ms() - since_ms) / 1000)


def _wait(until: Callable[[], bool]) -> None:
    while not until():
        time.sleep(0.01)


# --- growth -------------------------------------------------------------------------------------------------------


async def _growth(size: Size) -> list[Figure]:
    async with _opened() as empty, _opened() as full:
        began = time.perf_counter()
        await asyncio.to_thread(full.fill, size.finished, size.queued)
        filled_s = time.perf_counter() - began
        rounds = [(await _round(empty, size.tasks), await _round(full, size.tasks)) for _ in range(size.rounds + 1)][1:]
    small, large = [each[0] for each in rounds], [each[1] for each in rounds]
    return [
        Figure("queue_fill", filled_s, "s"),
        *_compared("submit", [each.submit_ms for each in small], [each.submit_ms for each in large]),
        *_compared("claim", [each.claim_ms for each in small], [each.claim_ms for each in large]),
    ]


def _compared(name: str, empty: list[float], full: list[float]) -> list[Figure]:
    return [
        Figure(f"{name}_empty", median(empty), "ms"),
        Figure(f"{name}_full", median(full), "ms"),
        Figure(f"{name}_full/empty", median(full) / median(empty), "ratio"),
    ]


@dataclass(frozen=True, slots=True)
class Round:
    """Milliseconds that one task took, many of them side by side."""

    submit_ms: float
    claim_ms: float


async def _round(bench: Bench, many: int) -> Round:
    """Submit tasks, claim as many, and put all back as it was."""
    began = time.perf_counter()
    await bench.submits(many)
    submitted = time.perf_counter()
    await bench.claims("worker", many)
    claimed = time.perf_counter()
    await asyncio.to_thread(bench.put_back)
    return Round((submitted - began) * 1000 / many, (claimed - submitted) * 1000 / many)
