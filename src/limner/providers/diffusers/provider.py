"""The library diffusers as a provider: each model lives in a process of its own and makes one picture at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final

from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import Accepted, Delivered, GenerationRequest, Pending, Report, UpstreamCheck, VendorAccount
from limner.providers.diffusers import job_lines
from limner.providers.diffusers.folder import look, place
from limner.providers.diffusers.inspection import inspect, lacking_packages
from limner.providers.diffusers.job import decode, encode, ended
from limner.providers.diffusers.pipeline_options import PipelineOptions, wishes_of
from limner.providers.diffusers.process import PipelineProcess
from limner.providers.diffusers.turns import Turns

PATIENCE_S: Final = 600.0
"""A process that owes an answer and says nothing for so long, not even that a step is done, hangs."""

LONGEST_LOAD_S: Final = 1800.0


class DiffusersProvider:
    """Draws with models in folders of this machine.

    The account's `base_url` is the folder they are in, and there is no key. Its options are those of
    `PipelineOptions`; a route's override them. A route's `upstream` is the name of a model's folder.
    """

    name = "diffusers"
    resumable = False
    free = True

    def __init__(self, account: VendorAccount, *, patience_s: float = PATIENCE_S) -> None:
        self._models = account.base_url
        self._options = account.options
        self._patience_s = patience_s
        defaults = wishes_of(self._options)
        self._turns: Turns[job_lines.PipelineModel] = Turns(
            defaults.loaded if isinstance(defaults, PipelineOptions) else 1
        )
        self._processes: dict[job_lines.PipelineModel, PipelineProcess] = {}
        self._going: set[asyncio.Task[None]] = set()
        self._numbers = count(1)

    async def submit(self, order: GenerationRequest, report: Report) -> Delivered | Accepted | Failure:
        """Wait for a turn, for the model to be loaded where it is not, then for the picture."""
        job = await asyncio.to_thread(self._job, order)
        if isinstance(job, Failure):
            return job
        try:
            async with asyncio.timeout(order.deadline_s), self._turns.turn(job.model):
                return await self._worked(job, report)
        except TimeoutError:
            reason = f"the model {order.upstream!r} made no picture within {order.deadline_s:g} s"
            return Failure(FailureKind.TIMEOUT, reason)

    async def poll(self, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered | Pending | Failure:
        raise NotImplementedError(f"orders are answered by submit; there is no handle {dict(handle)!r} to ask for")

    def reference_cap(self, upstream: str, options: Mapping[str, Any]) -> int | None:  # noqa: ARG002 - by folder
        weights = look(place(self._models, upstream))
        return None if isinstance(weights, Failure) else weights.facts.pictures

    def unfit(self, upstream: str, options: Mapping[str, Any]) -> str | None:  # noqa: ARG002 - a folder may come later
        wishes = wishes_of(self._options, options)
        return wishes.reason if isinstance(wishes, Failure) else None

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:  # noqa: ARG002 - each model of the folder is told of
        """Look at the models' folder and for the packages. Nothing is loaded."""
        return await asyncio.to_thread(lambda: inspect(place(self._models, ""), lacking_packages()))

    async def close(self) -> None:
        """End every process: none holds anything that is not on the disk."""
        for model in list(self._processes):
            self._dismiss(model)
        await self._all_gone()

    def _job(self, order: GenerationRequest) -> job_lines.PipelineJob | Failure:
        wishes = wishes_of(self._options, order.options)
        if isinstance(wishes, Failure):
            return wishes
        weights = look(place(self._models, order.upstream))
        if isinstance(weights, Failure):
            return weights
        return encode(order, weights, wishes, next(self._numbers))

    async def _worked(self, job: job_lines.PipelineJob, report: Report) -> Delivered | Failure:
        await self._make_room()
        process = self._processes.setdefault(job.model, PipelineProcess())
        try:
            answer = await process.work(job, report)
        except (BrokenPipeError, ConnectionResetError, EOFError):
            code = await process.ended()
            self._dismiss(job.model)
            return ended(code, loading=process.loading)
        except asyncio.CancelledError:
            self._let_go(process, job)
            raise
        if answer.get("broken"):
            self._dismiss(job.model)
        return decode(answer, job)

    async def _make_room(self) -> None:
        """End the processes whose models lost their seats; nothing is loaded before their memory is free."""
        for model in list(self._processes):
            if model not in self._turns.seated:
                self._dismiss(model)
        await self._all_gone()

    def _let_go(self, process: PipelineProcess, job: job_lines.PipelineJob) -> None:
        """A load goes on, or no order would ever see its end; a step goes on, for nothing can stop one."""
        process.give_up(job)
        if process.silent_s > (LONGEST_LOAD_S if process.loading else self._patience_s):
            self._dismiss(job.model)

    def _dismiss(self, model: job_lines.PipelineModel) -> None:
        """End the model's process; the next order for it starts another."""
        self._turns.leave(model)
        if process := self._processes.pop(model, None):
            going = asyncio.create_task(process.end())
            self._going.add(going)
            going.add_done_callback(self._going.discard)

    async def _all_gone(self) -> None:
        if self._going:
            await asyncio.wait(self._going)
