"""Lists and searches of an account with a hundred thousand tasks, in process, on both databases.

The prompts are drawn from words as frequent as words are: some are in every third prompt, most in one of thousands.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any

from tests.postgres import find_programs, running_server

from bench.report import Figure
from limner.application.ids import time_ordered
from limner.bootstrap import Limner, build, prepare_data
from limner.db.records import Records
from limner.db.tables.tasks import NewTask
from limner.domain.ids import AccountId, KeyId, TaskId
from limner.domain.tasks.listing import TaskFilter
from limner.domain.tasks.search import search_terms, words_of
from limner.domain.tasks.spec import TaskSpec
from limner.domain.tasks.task import Ending, Status
from limner.settings import Settings
from limner.telemetry.logs import configure_logs

PAGE = 120
BATCH = 500
MODELS = ("flux.1_kontext_pro", "gpt_image_2", "gemini_2.5_flash_image_preview")
HAN = "雪山狐狸灯塔黄昏光影城市花园老人孩子河流船桥森林月亮星空"


@dataclass(frozen=True, slots=True)
class Size:
    """How many tasks there are, and how often each query is asked."""

    tasks: int
    rounds: int


FULL = Size(tasks=100_000, rounds=20)
SHORT = Size(tasks=300, rounds=1)


@dataclass(frozen=True, slots=True)
class Query:
    """One list, as its caller asks for it; `pages` of it are read."""

    name: str
    search: str = ""
    pages: int = 1
    filters: dict[str, Any] = field(default_factory=dict)


QUERIES = (
    Query("newest"),
    Query("four pages", pages=4),
    Query("model", filters={"model": "gpt_image_2"}),
    Query("rare template", filters={"template": "figure"}),
    Query("failed", filters={"statuses": (Status.FAILED, Status.BANNED)}),
    Query("kept", filters={"kept": True}),
    Query("a common word", "w0"),
    Query("a common word, four pages", "w0", pages=4),
    Query("a rare word", "w4999"),
    Query("two words", "w1 w40"),
    Query("a common and a rare word", "w0 w3000"),
    Query("a prefix", "w12"),
    Query("no such word", "nothing"),
    Query("Chinese", "狐狸"),
    Query("a word and a model", "w2", filters={"model": "gpt_image_2"}),
    Query("a word of failed tasks", "w2", filters={"statuses": (Status.FAILED,)}),
)


def figures(size: Size) -> Iterator[Figure]:
    configure_logs("console", "error")
    yield from asyncio.run(_on("sqlite", None, size))
    programs = find_programs()
    if programs is None:
        return
    with running_server(programs) as server, server.database() as name:
        yield from asyncio.run(_on("postgres", server.url(name), size))


async def _on(database: str, url: str | None, size: Size) -> list[Figure]:
    async with _opened(url) as limner:
        account = (await limner.accounts.create("bench", 1_000_000_000)).id
        await _fill(limner, account, size.tasks)
        lines = {query.name: [await _ask(limner, account, query) for _ in range(size.rounds)] for query in QUERIES}
    every = [ms for times in lines.values() for ms in times]
    slowest = max(lines, key=lambda name: _p95(lines[name]))
    return [
        Figure(f"listing_{database}_p50", quantiles(every, n=20)[9], "ms"),
        Figure(f"listing_{database}_p95", _p95(every), "ms"),
        Figure(f"listing_{database}_slowest_{slowest.replace(' ', '_').replace(',', '')}", _p95(lines[slowest]), "ms"),
    ]


def _p95(times: Sequence[float]) -> float:
    return quantiles([*times, *times], n=20)[18]


@asynccontextmanager
async def _opened(url: str | None) -> AsyncIterator[Limner]:
    with tempfile.TemporaryDirectory(prefix="limner-bench-") as folder:
        settings = Settings(data=Path(folder) / "data", engine="sandbox", database_url=url)
        prepare_data(settings)
        limner = build(settings)
        yield limner
        await limner.close()


async def _ask(limner: Limner, account: AccountId, query: Query) -> float:
    """Milliseconds that one page took, on average over the pages that are read."""
    wanted, after = TaskFilter(search=search_terms(query.search), **query.filters), None
    began = time.perf_counter()
    for _ in range(query.pages):
        found = await limner.list_tasks(account, wanted, after=after, limit=PAGE)
        after = found.next
        if after is None:
            break
    return (time.perf_counter() - began) * 1000 / query.pages


# --- the tasks -----------------------------------------------------------------------------------------------------


async def _fill(limner: Limner, account: AccountId, many: int) -> None:
    chance = random.Random(1)  # noqa: S311 - the same tasks at every run
    start_ms = limner.clock.now_ms() - many * 1000
    for first in range(0, many, BATCH):
        tasks = [_task(account, chance, start_ms + n * 1000) for n in range(first, min(many, first + BATCH))]
        await limner.store.run(partial(_write, tasks=tasks, chance=chance))
    await limner.store.run(Records.analyze)


def _write(records: Records, tasks: Sequence[NewTask], chance: random.Random) -> None:
    for task in tasks:
        records.tasks.add(task, ())
        records.prompt_index.add(task.account, task.id, task.words)
        failed = chance.random() < 0.02
        ending = Ending(Status.FAILED, error_code=1001) if failed else Ending(Status.SUCCESS, consumed=5)
        records.tasks.finish(task.id, ending, task.created_ms + 9000, owner=None)


def _task(account: AccountId, chance: random.Random, at_ms: int) -> NewTask:
    prompt = _prompt(chance)
    template = "figure" if chance.random() < 0.002 else None
    return NewTask(
        id=TaskId(time_ordered(at_ms)),
        account=account,
        type="generate_image",
        concurrency_group="image",
        model=chance.choices(MODELS, (80, 5, 15))[0],
        echo={"prompt": prompt},
        spec=TaskSpec(prompt=prompt, template=template),
        price=5,
        priority=1,
        place=at_ms,
        created_ms=at_ms,
        queue_deadline_ms=at_ms + 3_600_000,
        run_limit_ms=900_000,
        key=KeyId("00000000-0000-4000-8000-000000000000"),
        words=words_of([prompt]),
    )


def _prompt(chance: random.Random) -> str:
    if chance.random() < 0.1:
        return "".join(chance.choices(HAN, k=20))
    return " ".join(f"w{min(4999, int(chance.paretovariate(0.7)) - 1)}" for _ in range(18))
