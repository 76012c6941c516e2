"""What a house keeps, and the verbs that remove it."""

import asyncio
import base64
from collections.abc import Collection
from pathlib import Path
from typing import Any

from limner.application.generation.journal import KeptImage, SpendJournal
from limner.application.images.keep import Keep
from limner.application.images.references import PrepareReferences
from limner.application.retention.delete_unreferenced import DeleteUnreferenced
from limner.application.retention.erase import Erase, EraseAccount
from limner.application.retention.prune import Prune, RetentionPolicy
from limner.db.tables.keys import Key
from limner.domain.ids import AttemptId, BlobId, TaskId
from limner.domain.model import MODELS
from limner.domain.tasks.request import InlineSource
from limner.domain.tasks.task import Ending, Result, Status
from limner.intake.image_intake import ImageIntake
from limner.storage.parts import open_parts
from stores import ROUTE, House, ordered, with_file

NOTHING = RetentionPolicy(inputs_ms=0, results_ms=0, events_ms=0, unused_ms=0)
"""Keeps nothing longer than it is needed."""

UNUSED = RetentionPolicy(inputs_ms=None, results_ms=None, events_ms=None, unused_ms=0)
"""Removes what nobody refers to, and nothing else."""

EVERYTHING = RetentionPolicy(inputs_ms=None, results_ms=None, events_ms=None, unused_ms=10**12)
SERVED_BY = {"provider": "scripted", "model": "drawer", "generative": True, "understood": ["a red fox"]}


def sweep(house: House, name: str = "janitor", dead: Collection[str] = ()) -> DeleteUnreferenced:
    return DeleteUnreferenced(house.store, house.blobs, house.clock, name, lambda owner: owner in dead)


def janitor(
    house: House, policy: RetentionPolicy = NOTHING, name: str = "janitor", dead: Collection[str] = ()
) -> Prune:
    parts = open_parts(f"file://{house.folder / 'blobs'}")
    return Prune(house.store, house.blobs, parts, house.clock, sweep(house, name, dead), policy)


def eraser(house: House) -> Erase:
    return Erase(house.store, sweep(house), house.clock)


def account_eraser(house: House) -> EraseAccount:
    return EraseAccount(house.store, eraser(house), house.clock)


async def stored(house: House) -> dict[BlobId, int]:
    """What lies in the store, and how large it is."""
    return {each.blob: each.size async for names in house.blobs.names() for each in names}


def inline(picture: bytes) -> dict[str, Any]:
    return with_file(InlineSource(base64.b64encode(picture).decode()))


async def prepared(house: House, task: TaskId) -> None:
    """Make the clean copies of its pictures, as a worker does first."""
    work = PrepareReferences(house.store, house.blobs, ImageIntake(), house.clock, transcode_webp=False)
    await work(task, MODELS["flux.1_kontext_pro"], house.scratch)


async def delivers(house: House, task: TaskId, picture: bytes, number: int = 1) -> KeptImage:
    """Order a picture, bring it home and write it down, as a worker does."""
    return await brings(house, task, await ordered(SpendJournal(house.store, house.clock), task, number), picture)


async def brings(house: House, task: TaskId, attempt: AttemptId, picture: bytes) -> KeptImage:
    """Bring home what was ordered."""
    journal, path = SpendJournal(house.store, house.clock), house.folder / f"bought-{attempt}"
    await asyncio.to_thread(path.write_bytes, picture)
    kept = await Keep(house.store, house.blobs, house.clock)(Path(path), "image/png", task)
    result = KeptImage(Result(kept.blob, "image/png", "png", 256, 256), SERVED_BY)
    await journal.delivered(attempt, ROUTE, result, kept.size, 0.04)
    return result


async def done(house: House, key: Key, picture: bytes, **wishes: Any) -> TaskId:
    """A task that was prepared and run, and succeeded with this picture."""
    task = await house.sends(key, **wishes)
    await house.claims()
    await prepared(house, task)
    kept = await delivers(house, task, picture)
    await house.settles(task, Ending(Status.SUCCESS, 5, result=kept.result, served_by=kept.served_by))
    return task
