"""A replica: holds engines, and draws one job at a time with the engine of the job's model."""

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Final

import ray
from ray import serve

from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.tasks.spec import TaskSpec
from limner.intake.formats.sniff import MEDIA_TYPES, sniff
from limner.ports.provider import Accepted, Delivered, GenerationRequest, Provider, Report, VendorAccount
from limner.providers.declarations import declarations
from limner_ray.order import JobOrder, engine_request
from limner_ray.registry import RegistryClient
from limner_ray.settings import EngineSettings

RENEW_S: Final = 1.0
"""Between two renewals of a lease; so soon it also learns that it is void."""

WARM_UP_S: Final = 1800.0
SCRATCH: Final = "limner-ray-"


def open_engine(settings: EngineSettings) -> Provider:
    """A provider of Limner's for these settings. `limner` runs the same ones in its own process."""
    account = VendorAccount(settings.folder, "", settings.options)
    if settings.engine == "diffusers":
        return declarations()["diffusers"].open(account)
    if ":" in settings.engine:
        own: Provider = resolve_name(settings.engine)(account)
        return own
    return _installed_engine(settings.engine)


def _installed_engine(name: str) -> Provider:
    points = {point.name: point for point in entry_points(group="limner.providers")}
    if name not in points:
        raise ModuleNotFoundError(f"the engine {name!r} is not installed; there are diffusers, {', '.join(points)}")
    provider: Provider = points[name].load()()
    return provider


class LoadedModel:
    """One model's engine, for as long as Ray Serve keeps the model in this replica."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def __del__(self) -> None:
        """Called by Ray Serve when another model takes its place: the engine's process ends, and its memory is free."""
        await self.provider.close()


class EngineReplica:
    """The deployment of one engine. Ray Serve calls `reconfigure` before a replica is ready, `draw` for each job."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._registry = RegistryClient()
        self._model = _multiplexed(settings)
        self._node = ray.get_runtime_context().get_node_id()

    async def reconfigure(self, user_config: Mapping[str, str | None]) -> None:
        """Warm up: load a model and draw a small picture. Raises where that fails: then the replica gets no jobs."""
        warm_up = user_config["warm_up"]
        if warm_up is None:
            return
        with tempfile.TemporaryDirectory(prefix=SCRATCH) as folder:
            outcome = await self._engine_drawn(_small_request(warm_up, Path(folder)), ignore_progress)
        match outcome:
            case Failure(reason=reason):
                raise RuntimeError(f"the model {warm_up!r} does not warm up: {reason}")

    async def draw(self, job: str, attempt: int) -> None:
        """Draw a job, and leave its picture or its failure with the registry. Returns at once for a void drawing."""
        order = await self._registry.call("begin", job, attempt, self._node)
        if order is None:
            return
        progress = Progress()
        drawing = asyncio.create_task(self._drawn(order, attempt, progress))
        renewing = asyncio.create_task(self._renew_lease(order, attempt, progress, drawing))
        try:
            await asyncio.wait({drawing})
        finally:
            renewing.cancel()
            drawing.cancel()
        if not drawing.cancelled():
            drawing.result()

    async def _drawn(self, order: JobOrder, attempt: int, progress: "Progress") -> None:
        with tempfile.TemporaryDirectory(prefix=SCRATCH) as folder:
            request = await asyncio.to_thread(engine_request, order, attempt, Path(folder))
            outcome = await self._engine_drawn(request, progress.report)
            if isinstance(outcome, Failure):
                await self._registry.call("fail", order.id, attempt, _error(outcome))
                return
            picture = await asyncio.to_thread(_content, outcome)
        await self._registry.call("finish", order.id, picture, media_type(picture), dict(outcome.served_by))

    async def _engine_drawn(self, request: GenerationRequest, report: Report) -> Delivered | Failure:
        engine: Provider = (await self._model(request.upstream)).provider
        outcome = await engine.submit(request, report)
        if isinstance(outcome, Accepted):
            return Failure(FailureKind.MODEL_UNAVAILABLE, f"the engine {engine.name} works on jobs of its own")
        return outcome

    async def _renew_lease(
        self, order: JobOrder, attempt: int, progress: "Progress", drawing: "asyncio.Task[None]"
    ) -> None:
        """Renew the lease; end the drawing once it is void."""
        goes_on = True
        while goes_on:
            await asyncio.sleep(RENEW_S)
            goes_on = await self._registry.call("renew", order.id, attempt, progress.percent)
        drawing.cancel()


def _multiplexed(settings: EngineSettings) -> Any:
    """What gives the engine of a model, held or loaded; Ray Serve sends jobs to a replica that holds their model."""

    async def load(_model: str) -> LoadedModel:
        return LoadedModel(await asyncio.to_thread(open_engine, settings))

    return serve.multiplexed(max_num_models_per_replica=settings.models_per_replica)(load)


@dataclass(slots=True)
class Progress:
    percent: int = 0

    def report(self, percent: int) -> None:
        self.percent = percent


def ignore_progress(_percent: int) -> None:
    return None


def media_type(picture: bytes) -> str:
    return MEDIA_TYPES.get(sniff(picture), "application/octet-stream")


def _small_request(model: str, folder: Path) -> GenerationRequest:
    return GenerationRequest(
        task_id="warm-up", attempt_id="warm-up", upstream=model, prompt="a grey square",
        spec=TaskSpec(prompt="a grey square", size="256x256"), references=(), aspect_ratio=None, seed=1,
        workdir=folder, deadline_s=WARM_UP_S,
    )  # fmt: skip


def _content(delivered: Delivered) -> bytes:
    source = delivered.picture.source
    return source if isinstance(source, bytes) else source.read_bytes()


def _error(failure: Failure) -> Mapping[str, Any]:
    return {"kind": failure.kind, "message": failure.reason, "detail": failure.detail}
