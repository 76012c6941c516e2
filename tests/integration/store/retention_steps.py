"""What a service stores, and the use cases that remove it."""

import asyncio
import base64
from collections.abc import Collection
from pathlib import Path
from typing import Any

from limner.application.generation.journal import DeliveredImage, KeptImage, SpendJournal
from limner.application.images.keep import Keep
from limner.application.images.references import PrepareReferences
from limner.application.retention.delete_unreferenced import DeleteUnreferenced
from limner.application.retention.erase import Erase, EraseAccount
from limner.application.retention.prune import Prune, RetentionPolicy
from limner.db.tables.keys import Key
from limner.domain.ids import AttemptId, BlobId, TaskId
from limner.domain.tasks.request import InlineSource
from limner.domain.tasks.task import Ending, Result, Status
from limner.intake.image_intake import ImageIntake
from limner.models import shipped_models
from limner.storage.parts import open_parts
from stores import ROUTE, ServiceHarness, intend_attempt, with_file

MODELS = shipped_models()

NOTHING = RetentionPolicy(inputs_ms=0, results_ms=0, events_ms=0, unused_ms=0)
"""Keeps nothing longer than it is needed."""

UNUSED = RetentionPolicy(inputs_ms=None, results_ms=None, events_ms=None, unused_ms=0)
"""Removes what nobody refers to, and nothing else."""

EVERYTHING = RetentionPolicy(inputs_ms=None, results_ms=None, events_ms=None, unused_ms=10**12)
SERVED_BY = {"provider": "scripted", "model": "drawer", "generative": True, "understood": ["a red fox"]}


def delete_unreferenced(
    service: ServiceHarness, name: str = "janitor", dead: Collection[str] = ()
) -> DeleteUnreferenced:
    return DeleteUnreferenced(service.store, service.blobs, service.clock, name, lambda owner: owner in dead)


def janitor(
    service: ServiceHarness, policy: RetentionPolicy = NOTHING, name: str = "janitor", dead: Collection[str] = ()
) -> Prune:
    parts = open_parts(f"file://{service.folder / 'blobs'}")
    return Prune(service.store, service.blobs, parts, service.clock, delete_unreferenced(service, name, dead), policy)


def eraser(service: ServiceHarness) -> Erase:
    return Erase(service.store, delete_unreferenced(service), service.clock)


def account_eraser(service: ServiceHarness) -> EraseAccount:
    return EraseAccount(service.store, eraser(service), service.clock)


async def stored_blobs(service: ServiceHarness) -> dict[BlobId, int]:
    """What lies in the store, and how large it is."""
    return {each.blob: each.size async for names in service.blobs.names() for each in names}


def inline_picture(picture: bytes) -> dict[str, Any]:
    return with_file(InlineSource(base64.b64encode(picture).decode()))


async def prepare_references(service: ServiceHarness, task: TaskId) -> None:
    """Make the clean copies of its pictures, as a worker does first."""
    work = PrepareReferences(service.store, service.blobs, ImageIntake(), service.clock, transcode_webp=False)
    await work(task, MODELS["flux.1_kontext_pro"], service.scratch)


async def buy_picture(service: ServiceHarness, task: TaskId, picture: bytes, number: int = 1) -> KeptImage:
    """Order a picture, store it and journal it, as a worker does."""
    return await deliver_attempt(
        service, task, await intend_attempt(SpendJournal(service.store, service.clock), task, number), picture
    )


async def deliver_attempt(service: ServiceHarness, task: TaskId, attempt: AttemptId, picture: bytes) -> KeptImage:
    """Store the picture of an attempt and journal it."""
    journal, path = SpendJournal(service.store, service.clock), service.folder / f"bought-{attempt}"
    await asyncio.to_thread(path.write_bytes, picture)
    kept = await Keep(service.store, service.blobs, service.clock)(Path(path), "image/png", task)
    result = KeptImage(Result(kept.blob, "image/png", "png", 256, 256), SERVED_BY)
    await journal.delivered(DeliveredImage(attempt, ROUTE, result, kept.size, 0.04))
    return result


async def run_task(service: ServiceHarness, key: Key, picture: bytes, **fields: Any) -> TaskId:
    """A task that was prepared and run, and succeeded with this picture."""
    task = await service.submit_task(key, **fields)
    await service.claim_tasks()
    await prepare_references(service, task)
    kept = await buy_picture(service, task, picture)
    await service.settle_task(task, Ending(Status.SUCCESS, 5, result=kept.result, served_by=kept.served_by))
    return task
