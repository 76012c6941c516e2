"""One run: the vendors, the fleet, its customers and its killer; then the quiet, and the verdict."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crash.chaos.customer import Customers
from crash.chaos.facts import Facts, gather, left_to_do
from crash.chaos.fleet import Fleet, fleet
from crash.chaos.hooks import Hooks, hooks
from crash.chaos.market import market
from crash.chaos.plan import Plan
from crash.chaos.verdict import judge

FIRST_CREDITS = 10_000
DEAREST = 10

PAUSE_S = 0.2
READY_S = 8.0


@dataclass(slots=True)
class Rhythm:
    """When to strike next. `happened` is told of everything that comes to pass."""

    every_s: float = 0.0
    every_events: int = 0
    events: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _goes: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.goes_on()

    def rests(self) -> None:
        """Nobody is struck before it goes on."""
        self._goes.clear()

    def goes_on(self) -> None:
        self._goes.set()

    def happened(self) -> None:
        self.events += 1
        self._news.set()

    async def next(self, strikes: int) -> None:
        if self.every_events:
            await self.until((strikes + 1) * self.every_events)
            return
        await asyncio.sleep(self.every_s)
        await self._goes.wait()

    async def until(self, events: int) -> None:
        while self.events < events:
            self._news.clear()
            await self._news.wait()


@dataclass(frozen=True, slots=True)
class Outage:
    """The database goes away for so long when half of everything has come to pass."""

    seconds: float
    stop: Callable[[], None]
    start: Callable[[], None]

    async def __call__(self, plan: Plan, rhythm: Rhythm) -> None:
        await rhythm.until(plan.tasks)
        rhythm.rests()
        await asyncio.sleep(READY_S)  # who was killed last is up again
        self.stop()
        await asyncio.sleep(self.seconds)
        self.start()  # in this thread: the server ends with the one that started it
        rhythm.goes_on()


@dataclass(frozen=True, slots=True)
class End:
    """What is seen when the fleet lies still. `wrongs` is what must not be."""

    wrongs: Sequence[str]
    balance: tuple[int, int]
    findings: Sequence[Mapping[str, Any]]
    quiet_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """`wrongs` is what must not be; the rest is told for the record."""

    plan: Plan
    facts: Facts
    end: End
    wrongs: Sequence[str]
    kills: Mapping[str, int]
    faults: Mapping[str, int]
    retries: Mapping[str, int]
    granted: int
    messages: int
    took_s: float

    @property
    def bought_again(self) -> int:
        """Tasks that were charged more than once although one picture would have done."""
        return sum(sum(each.charged for each in account.bought) > 1 for account in self.facts.accounts)


async def run(
    folder: Path, plan: Plan, rhythm: Rhythm, database_url: str | None = None, outage: Outage | None = None
) -> Report:
    """Everything that is done and left behind lies in `folder`."""
    began = time.monotonic()
    books = folder / "books.jsonl"
    url = database_url or f"sqlite:///{folder / 'data' / 'limner.db'}"
    granted = max(FIRST_CREDITS, plan.tasks * DEAREST)
    async with asyncio.timeout(plan.patience_s):
        with market(books, plan) as sellers:
            async with hooks(plan.seed) as receiver:
                variables = {**sellers.environment, **plan.settings(receiver.host), "LIMNER_DATABASE_URL": url}
                async with fleet(folder, plan, variables) as ships:
                    going = asyncio.create_task(outage(plan, rhythm)) if outage else None
                    customers = await _live(plan, rhythm, ships, receiver)
                    if going:
                        await going
                    end = await _lie_still(ships, url)
        facts = await asyncio.to_thread(gather, url, books)
    wrongs = [*end.wrongs, *judge(facts, customers.stories, receiver.heard), *receiver.wrongs]
    wrongs += _sums(facts, plan, granted, end.balance)
    told = (ships.kills, sellers.struck, customers.retries, granted, sum(map(len, receiver.heard.values())))
    return Report(plan, facts, end, wrongs, *told, time.monotonic() - began)


async def _live(plan: Plan, rhythm: Rhythm, ships: Fleet, receiver: Hooks) -> Customers:
    await ships.first_start()
    if (lacking := plan.tasks * DEAREST - FIRST_CREDITS) > 0:
        await ships.cli("credits", "grant", str(lacking))
    receiver.secret = (await ships.cli("webhooks", "add", receiver.address))["secret"]
    customers = Customers(plan, ships.url, ships.key, rhythm.happened)
    await _under_fire(customers, ships, rhythm, plan.seed)
    return customers


async def _lie_still(ships: Fleet, url: str) -> End:
    """Let what is under way come to its end, stop everybody, and have all that is kept examined."""
    began = time.monotonic()
    await _until_quiet(ships, url)
    ends = await ships.stop()
    commands = (("doctor", "--deep", "--hashes"), ("credits", "prove"), ("credits", "show", "--limit", "1"))
    doctor, proof, shown = await asyncio.gather(*(ships.cli(*command) for command in commands))
    wrongs = [
        *(f"the {name} ended with {end}" for name, end in ends.items() if end),
        *ships.falls,
        *ships.complaints(),
        *(f"doctor: {f['check']}: {f['detail']} {f['which']}" for f in doctor["findings"] if not f["well"]),
        *(f"the ledger: {fault}" for fault in proof["faults"]),
        *(f"{left.name} lies in scratch" for left in (ships.data / "scratch").iterdir()),
    ]
    return End(wrongs, (shown["balance"], shown["frozen"]), doctor["findings"], time.monotonic() - began)


def _sums(facts: Facts, plan: Plan, granted: int, balance: tuple[int, int]) -> Iterator[str]:
    spent = sum(each.consumed for each in facts.accounts)
    if balance != (granted - spent, 0):
        yield f"the balance is {balance}: {granted} were given and {spent} spent"
    if len(facts.accounts) != plan.tasks:
        yield f"{plan.tasks} tasks were asked for, and there are {len(facts.accounts)}"


async def _under_fire(customers: Customers, ships: Fleet, rhythm: Rhythm, seed: int) -> None:
    """Until the customers have what they were promised; whoever is killed last is started again."""
    serving = asyncio.create_task(customers())
    strikes = 0
    try:
        while await _comes_before(rhythm.next(strikes), serving):
            await ships.strike(random.Random(f"{seed} strike {strikes}"))
            strikes += 1
        await serving
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def _comes_before(strike: Coroutine[Any, Any, None], end: "asyncio.Task[None]") -> bool:
    coming = asyncio.ensure_future(strike)
    await asyncio.wait({coming, end}, return_when=asyncio.FIRST_COMPLETED)
    coming.cancel()
    return not end.done()


async def _until_quiet(ships: Fleet, url: str) -> None:
    """Nobody is killed any more: what is under way comes to its end, and is told."""
    while any(await asyncio.to_thread(left_to_do, url)):
        await ships.raise_fallen()
        await asyncio.sleep(PAUSE_S)
