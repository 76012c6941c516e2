"""A worker is killed while a vendor has its request, or half of its answer is on the way: every adapter, from outside.

The vendors stand in another process and keep their own books. They say when a request is stopped where it shall be; no
clock decides.
"""

import asyncio
import json
import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from PIL import Image

from crash import victim
from crash.town import NAMES, Town, town
from crash.world import Nursery, Run, World, rich_account
from limner.bootstrap import Limner, build, prepare_data
from limner.domain.ids import TaskId
from limner.domain.routing.route import UnknownOutcome
from limner.domain.tasks.task import Status
from limner.settings import Settings
from limner_vendors import read_bands, sha_of

RESEND, REFUND = UnknownOutcome.RESEND_ONCE, UnknownOutcome.FAIL_AND_REFUND
UPSTREAMS = {
    "bfl": ("flux.1_kontext_pro", "flux-kontext-pro"),
    "openai": ("gpt_image_2", "gpt-image-2"),
    "gemini": ("gemini_3.1_flash_image_preview", "gemini-3.1-flash-image"),
    "midjourney": ("midjourney", "midjourney"),
    "fal": ("flux.1_dev", "fal-ai/flux/dev"),
    "replicate": ("gpt_4o", "black-forest-labs/flux-kontext-pro"),
}
"""By vendor the model that leads to it here, and to nobody else, and what the vendor calls it."""

JOBS = ("bfl", "midjourney", "fal", "replicate")
"""The vendors who answer an order with a handle."""

ROUTES = [
    {"model": model, "provider": vendor, "upstream": upstream, "deadline_s": 60}
    for vendor, (model, upstream) in UPSTREAMS.items()
]
ENVIRONMENT = {"LIMNER_ROUTE": json.dumps(ROUTES)} | {
    f"LIMNER_PROVIDER__{vendor.upper()}__OPTIONS": json.dumps({"poll_s": 0.05}) for vendor in JOBS
}


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a task, and what the vendor's books say of it. `bought` counts grids, not the picture picked."""

    status: Status
    attempts: tuple[str | None, ...]
    bought: int
    picked: int = 0


@dataclass(frozen=True, slots=True)
class Market:
    """A service that buys from the vendors of the town."""

    world: World
    town: Town
    environment: Mapping[str, str]

    async def submits(self, vendor: str) -> tuple[TaskId, str]:
        """A task that leads to this vendor, and its prompt, which no other task has."""
        prompt = f"a fox called {uuid.uuid4().hex}"
        asked = replace(victim.request("1"), prompt=prompt, files=(), model=UPSTREAMS[vendor][0])
        return (await self.world.limner.submit(self.world.key, asked)).task, prompt

    async def works(
        self, tasks: list[TaskId], policy: UnknownOutcome, kill_when: "asyncio.Task[None] | None" = None
    ) -> Run:
        """Send a worker that sees these tasks through, or is killed when this has come."""
        job = replace(self.world._job(None, tasks), policy=policy, environment=self.environment)
        born: asyncio.Queue[int] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        life = asyncio.create_task(
            asyncio.to_thread(self.world.nursery, job, lambda pid: loop.call_soon_threadsafe(born.put_nowait, pid))
        )
        pid = await born.get()
        if kill_when:
            await asyncio.wait([kill_when, life], return_when=asyncio.FIRST_COMPLETED)
            assert kill_when.done(), f"the worker ended with {await life} before it could be killed"
            os.kill(pid, signal.SIGKILL)
        return Run(await life, [])

    async def fate(self, vendor: str, task: TaskId, prompt: str) -> Fate:
        seen = await self.world.task(task)
        attempts = tuple(each.outcome for each in await self.world.attempts(task))
        books = await self.town.purchases(vendor, prompt)
        bought = [each for each in books if each["model"] != "upscale"]
        if seen.result:
            path = await self.world.limner.blobs.local(seen.result.blob, self.world.folder)
            drawn_for = await asyncio.to_thread(prompt_in, path)
            assert drawn_for == sha_of(bought[-1]["prompt"])[:12]
        assert seen.consumed == (seen.price if seen.status is Status.SUCCESS else 0)
        return Fate(seen.status, attempts, len(bought), len(books) - len(bought))


def prompt_in(picture: Path) -> str:
    """The first digits of the prompt's hash, as the picture's colours spell them."""
    with Image.open(picture) as opened:
        return read_bands(opened).prompt_sha12


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town") / "books.jsonl") as running:
        yield running


@pytest.fixture
def environment(here: Town) -> dict[str, str]:
    return {**here.environment, **ENVIRONMENT}


@pytest.fixture
def limner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Limner:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings(data=tmp_path / "data", engine="sandbox", account_tasks=1000)
    prepare_data(settings)
    return build(settings)


@pytest.fixture
async def market(
    here: Town, victims: Nursery, limner: Limner, tmp_path: Path, environment: dict[str, str]
) -> AsyncIterator[Market]:
    world = World(limner, await rich_account(limner), victims, tmp_path, "vendors", RESEND)
    yield Market(world, here, environment)
    await limner.close()


@dataclass(frozen=True, slots=True)
class Strike:
    """Where a worker dies with the requests of all its tasks: at the first of that stage, or of the number in `at`."""

    stage: str
    moment: str
    at: Mapping[str, int] = field(default_factory=dict)


async def fates_after(
    market: Market, vendors: tuple[str, ...], policy: UnknownOutcome, *strikes: Strike
) -> dict[str, Fate]:
    """What becomes of a task at each of these vendors when one worker after another dies so, the last does not."""
    tasks = {vendor: await market.submits(vendor) for vendor in vendors}
    ids = [task for task, _ in tasks.values()]

    deaths = [await dies(market, vendors, ids, policy, strike) for strike in strikes]
    last = await market.works(ids, policy)

    assert all(death.killed for death in deaths)
    assert last.end == 0
    return {vendor: await market.fate(vendor, *task) for vendor, task in tasks.items()}


async def dies(
    market: Market, vendors: tuple[str, ...], tasks: list[TaskId], policy: UnknownOutcome, strike: Strike
) -> Run:
    for vendor in vendors:
        await market.town.holds(vendor, strike.stage, strike.moment, strike.at.get(vendor, 1))
    struck = asyncio.create_task(all_held(market.town, vendors))
    try:
        return await market.works(tasks, policy, kill_when=struck)
    finally:
        struck.cancel()
        for vendor in vendors:
            await market.town.goes_on(vendor)


async def all_held(here: Town, vendors: tuple[str, ...]) -> None:
    await asyncio.gather(*(here.until_held(vendor) for vendor in vendors))


async def assert_all_is_well(market: Market) -> None:
    assert await market.world.wrong_books() == []
    assert await market.town.violations() == []


@pytest.mark.parametrize(
    ("policy", "moment", "fate"),
    [
        (RESEND, "received", Fate(Status.SUCCESS, ("unknown_outcome", "picture"), bought=1)),
        (RESEND, "half", Fate(Status.SUCCESS, ("unknown_outcome", "picture"), bought=2)),
        (REFUND, "received", Fate(Status.FAILED, ("unknown_outcome",), bought=0)),
        (REFUND, "half", Fate(Status.FAILED, ("unknown_outcome",), bought=1)),
    ],
)
async def test_an_order_that_a_death_cuts_off_is_dealt_with_as_the_policy_says(
    market: Market, policy: UnknownOutcome, moment: str, fate: Fate
) -> None:
    fates = await fates_after(market, NAMES, policy, Strike("submit", moment))

    picked = replace(fate, picked=int(fate.status is Status.SUCCESS))
    assert fates == {vendor: picked if vendor == "midjourney" else fate for vendor in NAMES}
    await assert_all_is_well(market)


@pytest.mark.parametrize(
    "strikes",
    [
        [Strike("poll", "received")],
        [Strike("poll", "half", {"fal": 2})],
        [Strike("delivery", "received")],
        [Strike("delivery", "half")],
        [Strike("poll", "half"), Strike("poll", "received", {"fal": 2}), Strike("delivery", "half")],
    ],
    ids=lambda strikes: ", ".join(f"{strike.stage} {strike.moment}" for strike in strikes),
)
async def test_a_job_whose_handle_was_answered_is_brought_home_and_bought_once(
    market: Market, strikes: list[Strike]
) -> None:
    fates = await fates_after(market, JOBS, REFUND, *strikes)

    fate = Fate(Status.SUCCESS, ("picture",), bought=1)
    assert fates == {vendor: replace(fate, picked=1) if vendor == "midjourney" else fate for vendor in JOBS}
    await assert_all_is_well(market)


@pytest.mark.parametrize(("moment", "picked"), [("received", 0), ("done", 1), ("half", 1)])
async def test_the_second_step_of_midjourney_is_never_bought_twice_and_never_missed(
    market: Market, moment: str, picked: int
) -> None:
    fates = await fates_after(market, ("midjourney",), REFUND, Strike("submit", moment, {"midjourney": 2}))

    assert fates == {"midjourney": Fate(Status.SUCCESS, ("picture",), bought=1, picked=picked)}
    await assert_all_is_well(market)
