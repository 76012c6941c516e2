"""Keeping a delivered image: it is decoded, hashed and stored, then written to the journal; only then does it count."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog

from limner.application.generation.disk_guard import DiskGuard
from limner.application.generation.generation import GenerationAttempt
from limner.application.generation.interrupt import Interrupted, Reason
from limner.application.generation.journal import DeliveredImage, KeptImage, SpendJournal
from limner.application.generation.routing import Routing
from limner.application.images.keep import Keep
from limner.db.store import StoreUnavailable
from limner.domain.ids import AttemptId, TaskId
from limner.domain.refusal import Refusal, UnusablePicture
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.route import Route
from limner.domain.tasks.task import Result
from limner.domain.upload import EXTENSION
from limner.ports.blobs import BlobStore, StorageRefuses, Stored
from limner.ports.clock import Clock
from limner.ports.intake import Intake
from limner.ports.provider import Delivered

log = structlog.get_logger()

_STORE_AGAIN_S = 2.0


def failure_of(refusal: Refusal, *, charged: bool) -> Failure:
    """Why a delivered image is not kept: it is broken, or the vendor delivers what Limner does not take."""
    unusable = isinstance(refusal, UnusablePicture)
    return Failure(FailureKind.UNSUPPORTED_OUTPUT if unusable else FailureKind.BAD_OUTPUT, refusal.reason, charged)


@dataclass(frozen=True, slots=True)
class KeepImage:
    """`intake` inspects what vendors deliver, which may be larger than what callers may send."""

    journal: SpendJournal
    routing: Routing
    blobs: BlobStore
    intake: Intake
    clock: Clock
    disk_guard: DiskGuard = field(default_factory=DiskGuard)

    async def __call__(self, attempt: GenerationAttempt, delivered: Delivered) -> KeptImage:
        """Keep the image, and store it again for as long as the task has where storage refuses it. Then record it.

        Raises `Refusal` for bytes that are no image, and `Interrupted`.
        """
        result, stored, phash = await self._inspect(delivered.picture.source)
        while refusal := await self._store(attempt.generation.task, delivered.picture.source, result, stored, phash):
            await self._wait(attempt, refusal)
        first = attempt.generation.routes[:1]
        delivered = replace(delivered, served_by=_with_fallback(delivered.served_by, attempt.route, first))
        delivery = self._delivery(attempt.id, attempt.route, delivered, result, stored)
        await attempt.generation.record(delivery)
        return delivery.image

    async def once(self, task: TaskId, attempt: AttemptId, route: Route, delivered: Delivered) -> KeptImage | None:
        """Keep the image of a task that is about to end; None where storage refuses it. Raises `Refusal`."""
        result, stored, phash = await self._inspect(delivered.picture.source)
        if await self._store(task, delivered.picture.source, result, stored, phash):
            return None
        delivery = self._delivery(attempt, route, delivered, result, stored)
        await self.journal.delivered(delivery)
        return delivery.image

    async def _inspect(self, source: Path | bytes) -> tuple[Result, Stored, bytes | None]:
        seen, stored = await asyncio.gather(self.intake.inspect(source), self.blobs.identify(source))
        result = Result(stored.blob, seen.media_type, EXTENSION[seen.media_type], seen.width, seen.height)
        return result, stored, seen.phash

    async def _store(
        self, task: TaskId, source: Path | bytes, result: Result, stored: Stored, phash: bytes | None
    ) -> str | None:
        """What storage said when it refused the bytes; None once they are stored."""
        keep = Keep(self.journal.store, self.blobs, self.clock)
        try:
            await keep(source, result.media_type, task, stored, owned=True, phash=phash)
        except (StorageRefuses, StoreUnavailable) as error:
            self.disk_guard.record_refusal(self.clock.now_ms())
            log.error("a delivered image could not be stored", task=task, error=str(error))  # noqa: TRY400
            return str(error) or repr(error)
        self.disk_guard.record_success()
        return None

    async def _wait(self, attempt: GenerationAttempt, refusal: str) -> None:
        generation = attempt.generation
        try:
            await generation.interrupt.wait_for(
                self.clock.sleep(_STORE_AGAIN_S), generation.left_s(self.clock.now_ms())
            )
        except Interrupted as interrupted:
            if interrupted.reason in {Reason.DEADLINE, Reason.CANCEL}:
                reason = f"the picture came and could not be kept: {refusal}"
                await self.journal.discarded(attempt.id, reason, charged=not self.routing.is_free(attempt.route))
            raise

    def _delivery(
        self, attempt: AttemptId, route: Route, delivered: Delivered, result: Result, stored: Stored
    ) -> DeliveredImage:
        # The operator's name of the provider wins over the adapter's.
        served_by = {"model": route.upstream, **delivered.served_by, "provider": route.provider}
        cost_usd = 0.0 if self.routing.is_free(route) else delivered.cost_usd
        return DeliveredImage(attempt, route, KeptImage(result, served_by), stored.size, cost_usd)


def _with_fallback(served_by: Mapping[str, Any], route: Route, first: Sequence[Route]) -> Mapping[str, Any]:
    """Says of an image from another route than the first one what it is instead of."""
    instead_of = [{"provider": each.provider, "model": each.upstream} for each in first if each.name != route.name]
    return {**served_by, "instead_of": instead_of[0]} if instead_of else served_by
