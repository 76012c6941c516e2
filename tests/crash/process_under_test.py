"""A worker that kills itself at a given step, and the fork server that starts one in a few milliseconds.

`python process_under_test.py` imports the service once and forks a child for each job it reads. The child builds the
real service on the job's data folder, with ports that record each step, and runs until the given tasks are final or
its last step is reached.
"""

import asyncio
import base64
import contextlib
import gc
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import limner.db.engines.postgres
import limner.db.engines.sqlite
import limner.intake.decode.normalise
import limner.intake.decode.verify
import limner.outbound.webhook_client
import limner.providers._http.aiohttp_client  # noqa: F401 - imported before the fork, so that no child has to
from limner.application.generation.routing import Routing
from limner.bootstrap import Limner, build, find_providers, prepare_data
from limner.db.records import Records
from limner.db.store import Store
from limner.domain.ids import AccountId, BlobId, TaskId
from limner.domain.routing.failure import Failure
from limner.domain.routing.route import UnknownOutcome
from limner.domain.tasks.request import FileInput, ImageRequest, InlineSource, TaskType
from limner.domain.tasks.spec import TaskSpec
from limner.domain.webhook import DeliveryState
from limner.outbound.allowlist import FetchAllow
from limner.outbound.webhook_http import GuardedWebhookHttp
from limner.ports.blobs import BlobStore, Stored
from limner.ports.intake import Inspected, Intake, Normalised
from limner.ports.provider import Accepted, Delivered, GenerationRequest, Pending, Picture, Provider, Report
from limner.ports.webhook_http import WebhookAnswered, WebhookUnanswered
from limner.providers.declarations import declarations
from limner.providers.sandbox import card
from limner.settings import Settings
from limner.telemetry.logs import configure_logs

T = TypeVar("T")

TIMEOUT_S = 60
TIMED_OUT = 3
"""The exit code of a child that timed out."""

ANSWERED = "main answer 1"
"""The step at which the caller has the answer that the task is accepted."""

ACTORS = {"main", "dispatcher", "leases", "rescuer", "janitor", "webhooks", "progress", "perceptual_hashes"}
"""The loops of a worker, and `main`."""


@dataclass(frozen=True, slots=True)
class ChildJob:
    """What a child does: work on `tasks`, or submit one when there are none.

    At the step `die_at` it kills itself; at `stop_at` it stops as on SIGTERM, without time to finish running tasks.

    `vendor` is `sandbox`, `asynchronous` or `synchronous`; `trace` receives every step, `book` every purchase. With an
    `environment` the providers are those that it configures, unwatched: whoever kills it does so from outside.
    """

    data: str
    trace: str
    sales: str
    vendor: str
    policy: str = UnknownOutcome.RESEND_ONCE
    database_url: str | None = None
    die_at: str | None = None
    tasks: tuple[str, ...] = ()
    account: str = ""
    stop_at: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    allow: str = ""
    """Hosts that webhooks may be sent to. If set, the child also runs until all webhooks are delivered."""

    def settings(self) -> Settings:
        return Settings(
            data=Path(self.data),
            engine="sandbox",
            database_url=self.database_url,
            unknown_outcome=UnknownOutcome(self.policy),
            lease_s=3600,  # no lease expires here, so a takeover means that the owner was detected as dead
            drain_s=0 if self.stop_at else 20,
            account_tasks=1000,
            fetch_allow=self.allow,
        )


class Steps:
    """Appends each step with its actor to a file, and ends the process at one of them."""

    def __init__(self, trace: Path, die_at: str | None, stop_at: str | None) -> None:
        self._file = os.open(trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._die_at = die_at
        self._stop_at = stop_at
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self._seen: dict[str, int] = {}

    def name(self, what: str) -> str:
        """The name of the next step of this kind."""
        unit = f"{_actor()} {what}"
        self._seen[unit] = self._seen.get(unit, 0) + 1
        return f"{unit} {self._seen[unit]}"

    def __call__(self, step: str) -> None:
        os.write(self._file, f"{step}\n".encode())
        if step == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if step == self._stop_at:
            self._loop.call_soon_threadsafe(self._stopped.set)

    async def stop_comes(self, within_s: float) -> bool:
        """Whether the step `stop_at` is reached within this time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._stopped.wait()
        return self._stopped.is_set()

    def last(self, step: str) -> bool:
        return step in {self._die_at, self._stop_at}


def _actor() -> str:
    """The name of the loop that acts, `main`, or `task` for everything done for a task, in any thread."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return "task"
    name = task.get_name() if task else "task"
    return name if name in ACTORS else "task"


class SteppedStore:
    """Steps: before a unit of work, inside its transaction after all writes, and after the commit."""

    def __init__(self, store: Store, steps: Steps) -> None:
        self._store = store
        self._steps = steps

    async def run(self, work: Callable[[Records], T]) -> T:
        return await self._run(work, self._store.run)

    async def run_unsynced(self, work: Callable[[Records], T]) -> T:
        return await self._run(work, self._store.run_unsynced)

    async def _run(
        self, work: Callable[[Records], T], run: Callable[[Callable[[Records], T]], Coroutine[Any, Any, T]]
    ) -> T:
        name = self._steps.name(unit_name(work))

        def inside(records: Records) -> T:
            result = work(records)
            self._steps(f"{name} inside")
            return result

        self._steps(f"{name} before")
        result = await run(inside)
        self._steps(f"{name} after")
        return result

    async def read(self, work: Callable[[Records], T]) -> T:
        name = self._steps.name(unit_name(work))
        self._steps(f"{name} before")
        result = await self._store.read(work)
        self._steps(f"{name} after")
        return result

    async def close(self) -> None:
        await self._store.close()


def unit_name(work: Callable[..., Any]) -> str:
    return work.__qualname__.partition(".<locals>")[0]


class SteppedBlobs:
    """Steps: before a blob is written, with half of it under a temporary name, and after."""

    def __init__(self, blobs: BlobStore, steps: Steps, folder: Path) -> None:
        self._blobs = blobs
        self._steps = steps
        self._folder = folder

    async def identify(self, source: Path) -> Stored:
        return await self._blobs.identify(source)

    async def put(self, source: Path, stored: Stored, **more: Any) -> None:
        name = self._steps.name("put")
        self._steps(f"{name} before")
        if self._steps.last(f"{name} half"):
            _put_half(source, self._folder)
        self._steps(f"{name} half")
        await self._blobs.put(source, stored, **more)
        self._steps(f"{name} after")

    async def local(self, blob: BlobId, workdir: Path) -> Path:
        return await self._blobs.local(blob, workdir)


def _put_half(source: Path | bytes, folder: Path) -> None:
    """The partial file that a process leaves if it dies while writing a blob."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    target = folder / "sha256" / "00" / "half#1"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data[: len(data) // 2])


class SteppedIntake:
    def __init__(self, intake: Intake, steps: Steps) -> None:
        self._intake = intake
        self._steps = steps

    async def inspect(self, source: Path) -> Inspected:
        name = self._steps.name("inspect")
        await asyncio.to_thread(self._steps, f"{name} before")
        seen = await self._intake.inspect(source)
        await asyncio.to_thread(self._steps, f"{name} after")
        return seen

    async def normalise(self, source: Path, target: Path) -> Normalised:
        name = self._steps.name("normalise")
        await asyncio.to_thread(self._steps, f"{name} before")
        clean = await self._intake.normalise(source, target)
        await asyncio.to_thread(self._steps, f"{name} after")
        return clean

    def check_url(self, url: str) -> None:
        self._intake.check_url(url)

    async def fetch(self, url: str, target: Path) -> None:
        await self._intake.fetch(url, target)

    async def close(self) -> None:
        await self._intake.close()  # type: ignore[attr-defined]


class SteppedProvider:
    """Steps: before a vendor's call and after its answer."""

    def __init__(self, provider: Provider, steps: Steps) -> None:
        self._provider = provider
        self._steps = steps
        self.name, self.resumable, self.free = provider.name, provider.resumable, provider.free

    async def submit(self, order: GenerationRequest, report: Report) -> Delivered | Accepted | Failure:
        name = self._steps.name("submit")
        self._steps(f"{name} before")
        answer = await self._provider.submit(order, report)
        self._steps(f"{name} after")
        return answer

    async def poll(self, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered | Pending | Failure:
        name = self._steps.name("poll")
        self._steps(f"{name} before")
        answer = await self._provider.poll(handle, order)
        self._steps(f"{name} after")
        return answer

    async def close(self) -> None:
        await self._provider.close()


class SteppedPost(GuardedWebhookHttp):
    """Steps: before a webhook message is sent and after its answer."""

    steps: Steps

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookAnswered | WebhookUnanswered:
        name = self.steps.name("post")
        self.steps(f"{name} before")
        answer = await super().__call__(url, headers, body)
        self.steps(f"{name} after")
        return answer


class RecordingVendor:
    """A vendor that appends each purchase to a file before it answers."""

    name = "vendor"
    free = False

    def __init__(self, sales: Path, steps: Steps, *, resumable: bool) -> None:
        self._book = sales
        self._steps = steps
        self._asked: set[str] = set()
        self.resumable = resumable

    async def submit(self, order: GenerationRequest, report: Report) -> Delivered | Accepted | Failure:
        record_sale(self._book, order.task_id, order.attempt_id)
        sold = self._steps.name("sold")
        self._steps(sold)
        if self._steps.last(sold):
            await asyncio.sleep(0.05)  # so that a stop arrives between the purchase and the answer
        if self.resumable:
            return Accepted({"job": order.attempt_id}, wait_s=0.001)
        return self._deliver(order.attempt_id, order.workdir)

    async def poll(self, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered | Pending | Failure:
        job = str(handle["job"])
        if job not in self._asked:
            self._asked.add(job)
            return Pending(40, wait_s=0.001)
        return self._deliver(job, order.workdir)

    async def close(self) -> None:
        """Has nothing to release."""

    def _deliver(self, job: str, workdir: Path) -> Delivered:
        picture, path = card(job), workdir / "bought.png"
        with path.open("wb") as file:
            file.write(picture[: len(picture) // 2])
            file.flush()
            self._steps(self._steps.name("half a picture"))
            file.write(picture[len(picture) // 2 :])
        return Delivered(Picture(path), {"generative": True}, cost_usd=0.04)


def record_sale(sales: Path, task: str, job: str) -> None:
    file = os.open(sales, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{json.dumps({'task': task, 'job': job})}\n".encode())
    os.fsync(file)
    os.close(file)


def request(mark: str) -> ImageRequest:
    """A request with one inline picture; prompt and picture differ by `mark`."""
    source = InlineSource(base64.b64encode(card(f"reference {mark}")).decode())
    return ImageRequest(
        type=TaskType.GENERATE_IMAGE,
        spec=TaskSpec(prompt=f"a fox in the snow, number {mark}"),
        model=None,
        files=(FileInput("file", None, source),),
        priority=1,
        echo={},
    )


def stepped(limner: Limner, job: ChildJob, steps: Steps) -> Limner:
    """The same service with all ports wrapped to record steps."""
    provider: Provider = limner.providers["sandbox"]
    if job.vendor != "sandbox":
        provider = RecordingVendor(Path(job.sales), steps, resumable=job.vendor == "asynchronous")
    providers = {provider.name: SteppedProvider(provider, steps)}
    blobs: Any = SteppedBlobs(limner.blobs, steps, Path(job.data) / "blobs")
    intake: Any = SteppedIntake(limner.intake, steps)
    post = SteppedPost(FetchAllow.parse(job.allow))
    post.steps = steps
    return replace(
        limner,
        store=SteppedStore(limner.store, steps),
        blobs=blobs,
        intake=intake,
        pictures=SteppedIntake(limner.pictures, steps),
        webhook_http=post,
        providers=providers,
        routing=Routing(
            providers,
            provider.name,
            limner.routing.deadline_s,
            limner.routing.unknown_outcome,
            models=limner.routing.models,
        ),
    )


def child(job: ChildJob) -> int:
    os.environ.update(job.environment)
    settings = job.settings()
    prepare_data(settings)
    try:
        asyncio.run(_run(job, settings))
    except TimeoutError:
        return TIMED_OUT
    return 0


async def _run(job: ChildJob, settings: Settings) -> None:
    _name_main()
    plain = build(settings)
    steps = Steps(Path(job.trace), job.die_at, job.stop_at)
    limner = plain if job.environment else stepped(plain, job, steps)
    async with asyncio.timeout(TIMEOUT_S):
        await (_work(job, limner, plain.store, steps) if job.tasks else _submit(job, limner, plain.store, steps))
    await limner.close()


def _name_main() -> None:
    main = asyncio.current_task()
    assert main
    main.set_name("main")


async def _work(job: ChildJob, limner: Limner, store: Store, steps: Steps) -> None:
    worker = limner.worker()
    worker.start()
    while not await store.read(lambda records: _is_done(records, job)):
        if await steps.stop_comes(within_s=0.005):
            break
    await worker.stop()


def _is_done(records: Records, job: ChildJob) -> bool:
    return _all_final(records, job.tasks) and (not job.allow or _all_delivered(records, job.tasks))


def _all_final(records: Records, tasks: tuple[str, ...]) -> bool:
    found = [records.tasks.get(TaskId(task)) for task in tasks]
    return all(task is not None and task.status.final for task in found)


def _all_delivered(records: Records, tasks: tuple[str, ...]) -> bool:
    deliveries = [each for task in tasks for each in records.deliveries.of_task(TaskId(task))]
    return all(each.state is not DeliveryState.PENDING for each in deliveries)


async def _submit(job: ChildJob, limner: Limner, store: Store, steps: Steps) -> None:
    key = (await store.read(lambda records: records.keys.of(AccountId(job.account))))[0]
    await limner.submit(key, request(Path(job.trace).name))
    steps(ANSWERED)


# --- the fork server ------------------------------------------------------------------------------------------------


def serve_jobs() -> None:
    """Read one job a line; write the child's process id and then its exit code, negative for a signal."""
    configure_logs("console", "error")
    find_providers(Settings(engine="sandbox"), {})  # imports the installed plugins
    for adapter in declarations():
        importlib.import_module(f"limner.providers.{adapter}")
    gc.freeze()
    for line in sys.stdin:
        facts = json.loads(line)
        job = ChildJob(**facts | {"tasks": tuple(facts["tasks"])})
        _assert_single_thread()
        pid = os.fork()
        if pid == 0:
            os._exit(_run_guarded(job))
        _write_number(pid)
        _, status = os.waitpid(pid, 0)
        _write_number(os.waitstatus_to_exitcode(status))


def _write_number(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _run_guarded(job: ChildJob) -> int:
    try:
        return child(job)
    except BaseException:  # noqa: BLE001 - a child has nowhere else to report it
        sys.excepthook(*sys.exc_info())
        return 1


def _assert_single_thread() -> None:
    """A fork keeps one thread; locks that a second thread holds would stay locked in the child."""
    threads = list(Path("/proc/self/task").iterdir())
    assert len(threads) == 1, threads


def as_line(job: ChildJob) -> str:
    return json.dumps(asdict(job)) + "\n"


if __name__ == "__main__":
    serve_jobs()
