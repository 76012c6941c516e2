"""The judge's verdict on a picture, before anybody gets it. The picture is in the store and in the journal by then.

A worker that is killed meanwhile buys nothing again: the next one finds the picture in the journal, without the mark
that the judge allowed it, and asks again.
"""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from limner.application.generation.generation import Generation
from limner.application.generation.journal import KeptImage, SpendJournal
from limner.application.generation.routing import Routing
from limner.application.library.thumbnails import MakeThumbnail
from limner.application.moderation.before_order import ask_until_told, question
from limner.application.moderation.judge import PAUSE_S, Judge, picture_fields
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.attempts import Attempt
from limner.db.tables.moderation.refusals import LoggedRefusal
from limner.domain.ids import BlobId
from limner.domain.moderation import WITHHELD, RefusalStage, Verdict
from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.domain.tasks.task import Task
from limner.ports.blobs import BlobStore
from limner.ports.clock import Clock
from limner.scratch_paths import scratch_folder

log = structlog.get_logger()

SIDE = 640
"""The judge gets a WebP of so many pixels at most."""


@dataclass(frozen=True, slots=True)
class CheckPicture:
    store: Store
    journal: SpendJournal
    routing: Routing
    blobs: BlobStore
    thumbnail: MakeThumbnail
    judge: Judge
    clock: Clock
    scratch: Path
    pause_s: float = PAUSE_S

    async def __call__(self, generation: Generation, image: KeptImage) -> KeptImage | Failure:
        """The image where the judge allows it; else the failure, after which nothing can deliver it."""
        task, attempt = await self.store.read(lambda records: _delivered(records, generation, image))
        if attempt is None or await self._is_allowed(attempt):
            return image
        shown = await self._shown(image.result.blob)
        asked = question(RefusalStage.DELIVERY, task.account, task.model, await self._texts(task))
        asked |= {"task": task.id, "picture": picture_fields("image/webp", shown) | {"sha256": image.result.blob}}
        left_s = generation.left_s(self.clock.now_ms())
        verdict = await ask_until_told(self.judge, asked, generation.interrupt, left_s, self.pause_s)
        if verdict.allowed:
            await self.store.run(lambda records: records.moderation.allow_picture(task.id, attempt.id))
            return image
        return await self._withhold(task, attempt, verdict)

    async def _is_allowed(self, attempt: Attempt) -> bool:
        return attempt.id in await self.store.read(lambda records: records.moderation.allowed_pictures(attempt.task))

    async def _texts(self, task: Task) -> Sequence[str]:
        spec = await self.store.read(lambda records: records.tasks.spec(task.id))
        return spec.texts if spec else ()

    async def _shown(self, blob: BlobId) -> bytes:
        async with scratch_folder(self.scratch, "judge") as folder:
            target = folder / "shown.webp"
            await self.thumbnail(await self.blobs.local(blob, folder), target, SIDE)
            return await asyncio.to_thread(target.read_bytes)

    async def _withhold(self, task: Task, attempt: Attempt, verdict: Verdict) -> Failure:
        """Say what was paid, and take the picture out of the journal, in one unit of work."""
        route = self.routing.route_of_attempt(attempt)
        free = route is not None and self.routing.is_free(route)
        paid = "the picture was made for free" if free else f"the picture was made and {_paid(attempt)}"
        reason = f"{WITHHELD}: {verdict.said}; {paid}; you are not charged for it"
        now_ms = self.clock.now_ms()
        entry = LoggedRefusal(
            str(uuid.uuid4()), task.account, task.id, RefusalStage.DELIVERY, reason, verdict.categories, None, now_ms
        )

        def write(records: Records) -> None:
            records.attempts.close(
                attempt.id, FailureKind.CONTENT_POLICY, now_ms, reason=reason, detail="judge", charged=not free
            )
            records.moderation.withhold_picture(attempt.id)
            records.moderation.add(entry)

        await self.store.run(write)
        log.info("a picture was withheld", task=task.id, refusal=entry.id, categories=verdict.categories)
        return Failure(FailureKind.CONTENT_POLICY, reason, charged=not free, stage=Stage.OUTPUT)


def _paid(attempt: Attempt) -> str:
    usd = attempt.cost_usd if attempt.cost_usd is not None else attempt.price_usd
    return "paid by this service" if usd is None else f"paid by this service ({usd:.4g} US dollars)"


def _delivered(records: Records, generation: Generation, image: KeptImage) -> tuple[Task, Attempt | None]:
    """The task, and the attempt in the journal that has the image."""
    task = records.tasks.get(generation.task)
    assert task is not None  # noqa: S101 - its lease is held
    attempts = [each for each in records.attempts.of(task.id) if each.part == generation.part and each.result]
    of_blob = [each for each in attempts if (each.result or {})["result"]["blob"] == image.result.blob]
    return task, next(iter(of_blob or attempts), None)
