"""The provider for local models: each model runs in its own child process and makes one picture at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, Final

from limner.domain.prompts.dialect import PromptDialect, dialect_named_in
from limner.domain.routing.abilities import Abilities
from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import Accepted, Delivered, GenerationRequest, Pending, Report, UpstreamCheck, VendorAccount
from limner.providers.diffusers import job_lines
from limner.providers.diffusers.folder import folder_of, inspect_folder
from limner.providers.diffusers.inspection import inspect, missing_packages
from limner.providers.diffusers.job import LIMITS, decode, encode, process_failure
from limner.providers.diffusers.pipeline_options import PipelineOptions, options_of
from limner.providers.diffusers.process import PipelineProcess
from limner.providers.diffusers.turns import ModelTurns

SILENCE_LIMIT_S: Final = 600.0
"""A process that has reported nothing for this long during a job, not even a finished step, is considered hung."""

LOAD_LIMIT_S: Final = 1800.0


class DiffusersProvider:
    """Makes pictures with models in local folders.

    The account's `base_url` is the folder that contains them; there is no key. The options are those of
    `PipelineOptions`; a route's override the account's. A route's `upstream` is the name of a model's folder.
    """

    name = "diffusers"
    resumable = False
    free = True

    def __init__(self, account: VendorAccount, *, silence_limit_s: float = SILENCE_LIMIT_S) -> None:
        self._models = account.base_url
        self._options = account.options
        self._silence_limit_s = silence_limit_s
        defaults = options_of(self._options)
        self._turns: ModelTurns[job_lines.PipelineModel] = ModelTurns(
            defaults.loaded if isinstance(defaults, PipelineOptions) else 1
        )
        self._processes: dict[job_lines.PipelineModel, PipelineProcess] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._numbers = count(1)

    async def submit(self, request: GenerationRequest, report: Report) -> Delivered | Accepted | Failure:
        """Wait for the model's turn, load it if necessary, and make the picture."""
        job = await asyncio.to_thread(self._job, request)
        if isinstance(job, Failure):
            return job
        try:
            async with asyncio.timeout(request.deadline_s), self._turns.turn(job.model):
                return await self._run(job, report)
        except TimeoutError:
            reason = f"the model {request.upstream!r} made no picture within {request.deadline_s:g} s"
            return Failure(FailureKind.TIMEOUT, reason)

    async def poll(self, handle: Mapping[str, Any], request: GenerationRequest) -> Delivered | Pending | Failure:
        raise NotImplementedError(f"submit returns the picture; there is no job with the handle {dict(handle)!r}")

    def reference_cap(self, upstream: str, options: Mapping[str, Any]) -> int | None:  # noqa: ARG002 - by folder
        weights = inspect_folder(folder_of(self._models, upstream))
        return None if isinstance(weights, Failure) else weights.facts.pictures

    def abilities(self, upstream: str, options: Mapping[str, Any]) -> Abilities:  # noqa: ARG002 - the same for all
        able = Abilities(aspect_ratio=True, seed=True, size_classes=frozenset({"1K"}), exact_size=LIMITS)
        fixed = "megapixels" in self._options.keys() | options.keys()
        return replace(able, size_classes=frozenset(), exact_size=None) if fixed else able

    def dialect(self, upstream: str, options: Mapping[str, Any]) -> PromptDialect:  # noqa: ARG002 - by folder
        weights = inspect_folder(folder_of(self._models, upstream))
        return dialect_named_in(upstream) if isinstance(weights, Failure) else weights.facts.dialect

    def route_problem(self, upstream: str, options: Mapping[str, Any]) -> str | None:  # noqa: ARG002 - the folder may be added later
        checked = options_of(self._options, options)
        return checked.reason if isinstance(checked, Failure) else None

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:  # noqa: ARG002 - all models of the folder are listed
        """List the models in the folder and the missing packages. Loads nothing."""
        return await asyncio.to_thread(lambda: inspect(folder_of(self._models, ""), missing_packages()))

    async def close(self) -> None:
        """Kill every process; none has state that would be lost."""
        for model in list(self._processes):
            self._end_process(model)
        await self._wait_for_ending()

    def _job(self, request: GenerationRequest) -> job_lines.PipelineJob | Failure:
        options = options_of(self._options, request.options)
        if isinstance(options, Failure):
            return options
        weights = inspect_folder(folder_of(self._models, request.upstream))
        if isinstance(weights, Failure):
            return weights
        return encode(request, weights, options, next(self._numbers))

    async def _run(self, job: job_lines.PipelineJob, report: Report) -> Delivered | Failure:
        await self._end_evicted()
        process = self._processes.setdefault(job.model, PipelineProcess())
        try:
            answer = await process.work(job, report)
        except (BrokenPipeError, ConnectionResetError, EOFError):
            code = await process.exit_code()
            self._end_process(job.model)
            return process_failure(code, loading=process.loading)
        except asyncio.CancelledError:
            self._abandon(process, job)
            raise
        if answer.get("broken"):
            self._end_process(job.model)
        return decode(answer, job)

    async def _end_evicted(self) -> None:
        """End the processes of models that may no longer be in memory, and wait until their memory is free."""
        for model in list(self._processes):
            if model not in self._turns.resident:
                self._end_process(model)
        await self._wait_for_ending()

    def _abandon(self, process: PipelineProcess, job: job_lines.PipelineJob) -> None:
        """Abandon a job whose caller was cancelled; kill its process only if it is hung.

        A load is not interrupted, or a slow model might never finish loading. A step cannot be interrupted.
        """
        process.abandon(job)
        if process.silence_s > (LOAD_LIMIT_S if process.loading else self._silence_limit_s):
            self._end_process(job.model)

    def _end_process(self, model: job_lines.PipelineModel) -> None:
        """Kill the model's process in the background; the next job starts a new one."""
        self._turns.remove(model)
        if process := self._processes.pop(model, None):
            ending = asyncio.create_task(process.kill())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _wait_for_ending(self) -> None:
        if self._ending:
            await asyncio.wait(self._ending)
