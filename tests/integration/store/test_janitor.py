"""A janitor that keeps nothing, beside people who bring the same few pictures again and again."""

import asyncio
import base64
import hashlib
import time
from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from obstore.store import MemoryStore

from fakes import ManualClock
from integration.store.retention_steps import janitor
from limner.db.tables.keys import Key
from limner.domain.ids import BlobId
from limner.domain.tasks.request import InlineSource, UploadedSource
from limner.providers.sandbox import card
from limner.storage.blobs import ObjectBlobs
from stores import FAILED, ServiceHarness, with_file

PICTURES = [card(f"picture {number}") for number in range(4)]
PEOPLE, DELETIONS = 4, 15


@dataclass
class WallClock(ManualClock):
    """Nobody moves it: who waits for a deletion to end may not make the time pass that it has left."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@pytest.fixture(params=["folder", "object store"])
def storage(request: pytest.FixtureRequest, service: ServiceHarness) -> ServiceHarness:
    """A service over each kind of storage."""
    service.clock = WallClock()
    return service if request.param == "folder" else replace(service, blobs=ObjectBlobs(MemoryStore()))


async def bytes_of(service: ServiceHarness, blob: BlobId) -> bytes:
    size = await service.blobs.size(blob)
    return b"".join([piece async for piece in service.blobs.stream(blob, 0, size)])


# --- the race ------------------------------------------------------------------------------------------------------


@dataclass
class Findings:
    """What its people found missing while they referred to it, and how many files its janitors have deleted."""

    missing: list[str] = field(default_factory=list)
    deleted: int = 0


@dataclass
class Person:
    """Brings a picture, uses it and lets go of it, once a turn."""

    service: ServiceHarness
    key: Key
    number: int
    findings: Findings

    async def takes(self, turn: int) -> None:
        picture = PICTURES[(turn + turn // len(PICTURES) + self.number) % len(PICTURES)]
        await (self.uploads(picture) if turn % 2 else self.sends(picture))

    async def uploads(self, picture: bytes) -> None:
        path = self.service.folder / f"upload-{self.number}"
        path.write_bytes(picture)
        upload = await self.service.upload(self.key, path)
        await self.looks(upload.blob, picture, "upload")
        task = await self.service.submit_task(self.key, **with_file(UploadedSource(upload.token)))
        await self.service.execute_sql("UPDATE uploads SET expires_ms = 0 WHERE token = :token", token=upload.token)
        await self.looks(upload.blob, picture, "input of a task whose upload expired")
        await self.service.settle_task(task, FAILED, owner=None)

    async def sends(self, picture: bytes) -> None:
        source = InlineSource(base64.b64encode(picture).decode())
        task = await self.service.submit_task(self.key, **with_file(source))
        await self.looks(BlobId(hashlib.sha256(picture).hexdigest()), picture, "inline")
        await self.service.settle_task(task, FAILED, owner=None)

    async def looks(self, blob: BlobId, picture: bytes, what: str) -> None:
        try:
            if await bytes_of(self.service, blob) != picture:
                self.findings.missing.append(f"{what}: other bytes")
        except (LookupError, OSError):
            self.findings.missing.append(f"{what}: gone")


async def test_no_referenced_blob_is_missing_while_an_eager_janitor_deletes(
    storage: ServiceHarness,
) -> None:
    findings = Findings()
    keys = [await storage.open_account(f"person-{number}", 100_000, limit=1000) for number in range(PEOPLE)]
    people = [Person(storage, key, number, findings) for number, key in enumerate(keys)]

    async def cleans(name: str) -> None:
        prune = janitor(storage, name=name)
        while findings.deleted < DELETIONS:
            done = await prune()
            findings.deleted += done.files

    async def live() -> None:
        """Between two turns nobody refers to a picture, so the janitors delete while the next turn begins."""
        for turn in count():
            if findings.deleted >= DELETIONS:
                break
            await asyncio.gather(*(person.takes(turn) for person in people))

    async with asyncio.timeout(300):
        await asyncio.gather(live(), cleans("one"), cleans("two"))
    await janitor(storage)()

    assert findings.missing == []
    assert [name async for names in storage.blobs.names() for name in names] == []
    assert await storage.query("SELECT * FROM blobs") == []
    assert await storage.query("SELECT * FROM blob_uses") == []
