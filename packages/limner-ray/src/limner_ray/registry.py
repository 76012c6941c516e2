"""The detached actor that holds all jobs: it outlives every deployment, and is begun anew from its folder.

It sends each job to the deployment of its model, and again when the replica ends before the job does. One actor of this
name runs in a cluster, on the head, whose disk has the folder.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import ray
from ray import serve

from limner_ray.job_store import JobStore, StoredJob
from limner_ray.order import JobOrder
from limner_ray.settings import RaySettings

T = TypeVar("T")

NAME: Final = "limner-jobs"
NAMESPACE: Final = "limner"
APPLICATION: Final = "limner"

SWEEP_S: Final = 60.0
RESEND_S: Final = 1.0
"""Before a job is sent again that no replica took: a deployment may be changing."""

_log = logging.getLogger("ray.serve")


class Draining(RuntimeError):
    """No further jobs are accepted."""


class JobRegistry:
    """An actor with asynchronous methods. Each call on the store runs in a thread, one after another."""

    def __init__(self, settings: RaySettings) -> None:
        self._settings = settings
        self._store = JobStore(Path(settings.state), time.time, max_unfinished=settings.max_unfinished)
        self._turn = asyncio.Lock()
        self._draining = False
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._loops = [asyncio.get_running_loop().create_task(each) for each in (self._resume(), self._watch())]

    # --- callers

    async def submit(self, order: JobOrder) -> tuple[StoredJob, bool]:
        """The job, and whether it is a new one. Raises `Draining`, `OtherJob` and `TooManyJobs`."""
        known = await self._work(self._store.find, order.id)
        if self._draining and (known is None or known.state.is_end):
            raise Draining
        job, is_new = await self._work(self._store.submit, order)
        if is_new:
            self._start_sending(job)
        return job, is_new

    async def find(self, job: str) -> StoredJob | None:
        return await self._work(self._store.find, job)

    async def picture(self, job: str) -> bytes | None:
        return await self._work(self._store.picture, job)

    async def cancel(self, job: str) -> StoredJob | None:
        found = await self._work(self._store.cancel, job)
        if sending := self._sending.get(job):
            sending.cancel()  # where no replica has begun it, none will; one that has sees it when it renews its lease
        return found

    async def forget(self, job: str) -> bool:
        return await self._work(self._store.forget, job)

    async def unfinished(self) -> list[StoredJob]:
        return await self._work(self._store.unfinished)

    async def models(self) -> list[dict[str, Any]]:
        return [
            {"id": model, "engine": each.engine, "deployment": each.name}
            for each in self._settings.engine
            for model in each.models
        ]

    # --- replicas

    async def begin(self, job: str, attempt: int, node: str) -> JobOrder | None:
        return await self._work(self._store.begin, job, attempt, node)

    async def renew(self, job: str, attempt: int, progress: int) -> bool:
        return await self._work(self._store.renew, job, attempt, progress)

    async def finish(self, job: str, picture: bytes, media_type: str, served_by: Mapping[str, Any]) -> bool:
        return await self._work(self._store.finish, job, picture, media_type, served_by)

    async def fail(self, job: str, attempt: int, error: Mapping[str, Any]) -> bool:
        return await self._work(self._store.fail, job, attempt, error)

    # --- operators

    async def configure(self, settings: RaySettings) -> None:
        """Take the settings of a new deployment, and jobs again. `state` stays what it was."""
        self._settings, self._draining = settings, False

    async def drain(self) -> int:
        """Accept no further jobs. Returns the number of those that wait or run."""
        self._draining = True
        return len(await self.unfinished())

    # --- within

    async def _work(self, call: Callable[..., T], *arguments: Any) -> T:
        async with self._turn:
            return await asyncio.to_thread(call, *arguments)

    async def _resume(self) -> None:
        """After a start: drawings that go on renew their leases, jobs that wait are sent."""
        await self._work(self._store.renew_leases)
        for job in await self.unfinished():
            if job.state == "queued":
                self._start_sending(job)

    async def _watch(self) -> None:
        """Send jobs again whose replica is silent, and remove those whose time is over."""
        swept_s = time.monotonic()
        while True:
            await asyncio.sleep(self._settings.lease_s / 3)
            with _logged("watch"):
                await self._reclaim_silent()
                if time.monotonic() - swept_s > SWEEP_S:
                    swept_s = time.monotonic()
                    keep = {
                        "keep_s": self._settings.keep_hours * 3600,
                        "keep_fetched_s": self._settings.keep_fetched_minutes * 60,
                    }
                    await self._work(partial(self._store.sweep, **keep))

    async def _reclaim_silent(self) -> None:
        for job in await self.unfinished():
            if job.state == "running" and time.time() - job.renewed_s > self._settings.lease_s:
                _log.warning("job %s: its replica on %s is silent", job.id, job.node)
                await self._lost(job, job.attempt)

    def _start_sending(self, job: StoredJob) -> None:
        sending = asyncio.get_running_loop().create_task(self._send(job))
        self._sending[job.id] = sending
        sending.add_done_callback(partial(self._sent, job.id))

    def _sent(self, job: str, sending: "asyncio.Task[None]") -> None:
        if self._sending.get(job) is sending:
            del self._sending[job]

    async def _send(self, job: StoredJob) -> None:
        """Have the job drawn: returns when it has ended, or belongs to another drawing."""
        while (attempt := await self._work(self._store.send, job.id)) is not None:
            with _logged(f"job {job.id}"):
                await self._draw(job, attempt)
            if not await self._work(self._store.lose, job.id, attempt):
                return
            await asyncio.sleep(RESEND_S)

    async def _draw(self, job: StoredJob, attempt: int) -> None:
        """Call the deployment, and wait for its replica. Raises what becomes of the replica."""
        engine = self._settings.engine_of(job.model)
        if engine is None:
            error = {"kind": "model_unavailable", "message": f"no engine here has the model {job.model!r}"}
            await self._work(self._store.fail, job.id, attempt, error)
            return
        handle = serve.get_deployment_handle(engine.name, APPLICATION)
        await handle.options(multiplexed_model_id=job.model).draw.remote(job.id, attempt)

    async def _lost(self, job: StoredJob, attempt: int) -> None:
        if await self._work(self._store.lose, job.id, attempt):
            if sending := self._sending.get(job.id):
                sending.cancel()
            self._start_sending(job)


@contextlib.contextmanager
def _logged(what: str) -> Iterator[None]:
    """Log what is raised: a loop goes on, and a job is sent again."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - Ray raises what the other side raised
        _log.warning("%s: %s", what, str(error).strip().partition("\n")[0] or type(error).__name__)


# --- finding it ---------------------------------------------------------------------------------------------------


def start_registry(settings: RaySettings) -> Any:
    """The cluster's registry, begun where there is none. Runs on the head, and again after a crash."""
    actor = ray.remote(JobRegistry).options(
        name=NAME,
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        max_restarts=-1,
        max_task_retries=0,
        max_concurrency=1000,
        num_cpus=0,
        resources={"node:__internal_head__": 0.001},
    )
    return actor.remote(settings)


class RegistryClient:
    """Calls of the registry from a replica, which wait while it is begun anew."""

    def __init__(self, wait_s: float = 120.0) -> None:
        self._wait_s = wait_s
        self._actor: Any = None

    async def call(self, method: str, *arguments: Any) -> Any:
        """Raises what the registry raises; `ray.exceptions.RayActorError` when it stays away."""
        until_s = time.monotonic() + self._wait_s
        while True:
            try:
                self._actor = self._actor or ray.get_actor(NAME, NAMESPACE)
                return await getattr(self._actor, method).remote(*arguments)
            except (ray.exceptions.RayActorError, ValueError) as error:
                if isinstance(error, ray.exceptions.RayTaskError) or time.monotonic() > until_s:
                    raise
                self._actor = None
                await asyncio.sleep(0.5)
