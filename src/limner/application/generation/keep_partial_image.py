"""Keeping a preview of an image, a hint: it is stored with its task, and trouble with it does not touch the task."""

import asyncio
from dataclasses import dataclass

import structlog

from limner.application.generation.generation import Generation
from limner.application.images.keep import Keep
from limner.db.records import Records
from limner.db.store import Store, StoreUnavailable
from limner.domain.refusal import Refusal
from limner.domain.tasks.task import PartialImage, Result, Status
from limner.domain.upload import EXTENSION
from limner.ports.blobs import BlobStore, StorageRefuses
from limner.ports.clock import Clock
from limner.ports.intake import Intake
from limner.ports.provider import Picture

log = structlog.get_logger()

KEEP_WITHIN_S = 10.0
"""A vendor's stream is not read on while a preview is kept, so a slow store costs it the preview and no more."""


@dataclass(frozen=True, slots=True)
class KeepPartialImage:
    store: Store
    blobs: BlobStore
    intake: Intake
    clock: Clock

    async def __call__(self, generation: Generation, number: int, picture: Picture) -> None:
        """Keep a preview of the image. What cannot be kept is logged and left out."""
        try:
            async with asyncio.timeout(KEEP_WITHIN_S):
                await self._keep(generation, number, picture)
        except (Refusal, StorageRefuses, StoreUnavailable, TimeoutError) as error:
            log.warning("a preview was not kept", task=generation.task, error=str(error) or repr(error))

    async def _keep(self, generation: Generation, number: int, picture: Picture) -> None:
        seen = await self.intake.inspect(picture.source)
        stored = await Keep(self.store, self.blobs, self.clock)(picture.source, seen.media_type, generation.task)
        image = Result(stored.blob, seen.media_type, EXTENSION[seen.media_type], seen.width, seen.height)
        partial, now_ms = PartialImage(generation.part, number, image), self.clock.now_ms()

        def work(records: Records) -> None:
            records.blobs.add(stored.blob, stored.size, seen.media_type, now_ms)
            task = records.tasks.get(generation.task)
            if task and records.tasks.add_partial_image(task.id, partial, generation.owner):
                records.events.add(task.account, task.id, Status.RUNNING, now_ms)

        await self.store.run(work)
