"""A worker is killed while a vendor has its request, or while half of the answer is sent: every adapter.

The vendors run in another process and record their own purchases. They report when a request is held; no clock is
used.
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

from crash import process_under_test
from crash.emulators import NAMES, EmulatorProcess, run_emulators
from crash.harness import ChildRun, CrashHarness, ForkServer, funded_account
from limner.bootstrap import Limner, build, prepare_data
from limner.domain.ids import TaskId
from limner.domain.routing.route import UnknownOutcome
from limner.domain.tasks.spec import TaskSpec
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
"""By vendor: the model that is routed only to it, and the vendor's name of that model."""

JOBS = ("bfl", "midjourney", "fal", "replicate")
"""The vendors that answer an order with a handle."""

ROUTES = [
    {"model": model, "provider": vendor, "upstream": upstream, "deadline_s": 60}
    for vendor, (model, upstream) in UPSTREAMS.items()
]
ENVIRONMENT = {"LIMNER_ROUTE": json.dumps(ROUTES)} | {
    f"LIMNER_PROVIDER__{vendor.upper()}__OPTIONS": json.dumps({"poll_s": 0.05}) for vendor in JOBS
}


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The end of a task and what the vendor recorded. `orders` counts grids; `picked` counts upscales."""

    status: Status
    attempts: tuple[str | None, ...]
    orders: int
    picked: int = 0


@dataclass(frozen=True, slots=True)
class VendorsService:
    """A service that buys from the vendors' emulators."""

    harness: CrashHarness
    emulators: EmulatorProcess
    environment: Mapping[str, str]

    async def submit_task(self, vendor: str) -> tuple[TaskId, str]:
        """Submit a task that is routed to this vendor; return its id and its unique prompt."""
        prompt = f"a fox called {uuid.uuid4().hex}"
        asked = replace(
            process_under_test.request("1"), spec=TaskSpec(prompt=prompt), files=(), model=UPSTREAMS[vendor][0]
        )
        return (await self.harness.limner.submit(self.harness.key, asked)).task, prompt

    async def run_worker(
        self, tasks: list[TaskId], policy: UnknownOutcome, kill_when: "asyncio.Task[None] | None" = None
    ) -> ChildRun:
        """Run a worker until these tasks are final, or kill it when `kill_when` is done."""
        job = replace(self.harness._job(None, tasks), policy=policy, environment=self.environment)
        started: asyncio.Queue[int] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        life = asyncio.create_task(
            asyncio.to_thread(
                self.harness.start_fork_server, job, lambda pid: loop.call_soon_threadsafe(started.put_nowait, pid)
            )
        )
        pid = await started.get()
        if kill_when:
            await asyncio.wait([kill_when, life], return_when=asyncio.FIRST_COMPLETED)
            assert kill_when.done(), f"the worker ended with {await life} before it could be killed"
            os.kill(pid, signal.SIGKILL)
        return ChildRun(await life, [])

    async def result(self, vendor: str, task: TaskId, prompt: str) -> TaskResult:
        seen = await self.harness.task(task)
        attempts = tuple(each.outcome for each in await self.harness.attempts(task))
        books = await self.emulators.purchases(vendor, prompt)
        orders = [each for each in books if each["model"] != "upscale"]
        if seen.result:
            path = await self.harness.limner.blobs.local(seen.result.blob, self.harness.folder)
            prompt_sha12 = await asyncio.to_thread(prompt_in, path)
            assert prompt_sha12 == sha_of(orders[-1]["prompt"])[:12]
        assert seen.consumed == (seen.price if seen.status is Status.SUCCESS else 0)
        return TaskResult(seen.status, attempts, len(orders), len(books) - len(orders))


def prompt_in(picture: Path) -> str:
    """The first digits of the prompt's hash, read from the picture's colour bands."""
    with Image.open(picture) as opened:
        return read_bands(opened).prompt_sha12


@pytest.fixture(scope="module")
def emulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    with run_emulators(tmp_path_factory.mktemp("emulators") / "books.jsonl") as running:
        yield running


@pytest.fixture
def environment(emulators: EmulatorProcess) -> dict[str, str]:
    return {**emulators.environment, **ENVIRONMENT}


@pytest.fixture
def limner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Limner:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings(data=tmp_path / "data", engine="sandbox", account_tasks=1000)
    prepare_data(settings)
    return build(settings)


@pytest.fixture
async def vendors_service(
    emulators: EmulatorProcess, fork_server: ForkServer, limner: Limner, tmp_path: Path, environment: dict[str, str]
) -> AsyncIterator[VendorsService]:
    harness = CrashHarness(limner, await funded_account(limner), fork_server, tmp_path, "vendors", RESEND)
    yield VendorsService(harness, emulators, environment)
    await limner.close()


@dataclass(frozen=True, slots=True)
class KillPoint:
    """Where a worker is killed: when all its tasks are held at this stage, at request number `at` (1 by default)."""

    stage: str
    moment: str
    at: Mapping[str, int] = field(default_factory=dict)


async def results_after_kills(
    vendors_service: VendorsService, vendors: tuple[str, ...], policy: UnknownOutcome, *kill_points: KillPoint
) -> dict[str, TaskResult]:
    """The result of a task at each vendor after one worker per kill point is killed and a last one finishes."""
    tasks = {vendor: await vendors_service.submit_task(vendor) for vendor in vendors}
    ids = [task for task, _ in tasks.values()]

    killed_runs = [await kill(vendors_service, vendors, ids, policy, kill_point) for kill_point in kill_points]
    last = await vendors_service.run_worker(ids, policy)

    assert all(killed_run.killed for killed_run in killed_runs)
    assert last.end == 0
    return {vendor: await vendors_service.result(vendor, *task) for vendor, task in tasks.items()}


async def kill(
    vendors_service: VendorsService,
    vendors: tuple[str, ...],
    tasks: list[TaskId],
    policy: UnknownOutcome,
    kill_point: KillPoint,
) -> ChildRun:
    for vendor in vendors:
        await vendors_service.emulators.hold(vendor, kill_point.stage, kill_point.moment, kill_point.at.get(vendor, 1))
    all_held_task = asyncio.create_task(all_held(vendors_service.emulators, vendors))
    try:
        return await vendors_service.run_worker(tasks, policy, kill_when=all_held_task)
    finally:
        all_held_task.cancel()
        for vendor in vendors:
            await vendors_service.emulators.release(vendor)


async def all_held(emulators: EmulatorProcess, vendors: tuple[str, ...]) -> None:
    await asyncio.gather(*(emulators.wait_until_held(vendor) for vendor in vendors))


async def assert_no_violations(vendors_service: VendorsService) -> None:
    assert await vendors_service.harness.ledger_violations() == []
    assert await vendors_service.emulators.violations() == []


@pytest.mark.parametrize(
    ("policy", "moment", "result"),
    [
        (RESEND, "received", TaskResult(Status.SUCCESS, ("unknown_outcome", "picture"), orders=1)),
        (RESEND, "half", TaskResult(Status.SUCCESS, ("unknown_outcome", "picture"), orders=2)),
        (REFUND, "received", TaskResult(Status.FAILED, ("unknown_outcome",), orders=0)),
        (REFUND, "half", TaskResult(Status.FAILED, ("unknown_outcome",), orders=1)),
    ],
)
async def test_an_order_cut_off_by_a_kill_follows_the_policy_for_unknown_outcomes(
    vendors_service: VendorsService, policy: UnknownOutcome, moment: str, result: TaskResult
) -> None:
    results = await results_after_kills(vendors_service, NAMES, policy, KillPoint("submit", moment))

    picked = replace(result, picked=int(result.status is Status.SUCCESS))
    assert results == {vendor: picked if vendor == "midjourney" else result for vendor in NAMES}
    await assert_no_violations(vendors_service)


@pytest.mark.parametrize(
    "kill_points",
    [
        [KillPoint("poll", "received")],
        [KillPoint("poll", "half", {"fal": 2})],
        [KillPoint("delivery", "received")],
        [KillPoint("delivery", "half")],
        [KillPoint("poll", "half"), KillPoint("poll", "received", {"fal": 2}), KillPoint("delivery", "half")],
    ],
    ids=lambda kill_points: ", ".join(f"{kill_point.stage} {kill_point.moment}" for kill_point in kill_points),
)
async def test_a_job_whose_handle_was_answered_is_completed_and_bought_once(
    vendors_service: VendorsService, kill_points: list[KillPoint]
) -> None:
    results = await results_after_kills(vendors_service, JOBS, REFUND, *kill_points)

    result = TaskResult(Status.SUCCESS, ("picture",), orders=1)
    assert results == {vendor: replace(result, picked=1) if vendor == "midjourney" else result for vendor in JOBS}
    await assert_no_violations(vendors_service)


@pytest.mark.parametrize(("moment", "picked"), [("received", 0), ("done", 1), ("half", 1)])
async def test_an_upscale_of_midjourney_happens_exactly_once(
    vendors_service: VendorsService, moment: str, picked: int
) -> None:
    results = await results_after_kills(
        vendors_service, ("midjourney",), REFUND, KillPoint("submit", moment, {"midjourney": 2})
    )

    assert results == {"midjourney": TaskResult(Status.SUCCESS, ("picture",), orders=1, picked=picked)}
    await assert_no_violations(vendors_service)
