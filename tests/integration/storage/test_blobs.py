"""What every store of pictures does, in a folder, on S3 and on Azure."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from integration.storage.conftest import Place
from limner.ports.backup_store import BackupMissing
from limner.ports.blobs import BlobMissing, StorageRefuses, Stored
from limner.storage.backup_store import ObjectBackups, open_backups
from limner.storage.blobs import ObjectBlobs, open_blobs

LARGE = 12 * 1024 * 1024
"""Sent in parts by object stores."""


@pytest.fixture
def blobs(place: Place) -> ObjectBlobs:
    return open_blobs(place.url)


@pytest.fixture
def backups(place: Place) -> ObjectBackups:
    return open_backups(place.url.removeprefix("file://"))


async def content(blobs: ObjectBlobs, stored: Stored, start: int = 0, end: int | None = None) -> bytes:
    stop = stored.size if end is None else end
    return b"".join([piece async for piece in blobs.stream(stored.blob, start, stop)])


async def put(blobs: ObjectBlobs, data: bytes | Path) -> Stored:
    stored = await blobs.identify(data)
    await blobs.put(data, stored)
    return stored


async def names(blobs: ObjectBlobs) -> set[Stored]:
    return {each async for page in blobs.names() for each in page}


@pytest.mark.parametrize("size", [0, 1, 300_000, LARGE])
async def test_bytes_come_back_as_they_were_put(blobs: ObjectBlobs, size: int, tmp_path: Path) -> None:
    data = os.urandom(size)
    source = tmp_path / "source"
    await asyncio.to_thread(source.write_bytes, data)

    stored = await put(blobs, source)

    assert await blobs.size(stored.blob) == size
    assert await content(blobs, stored) == data
    assert await content(blobs, stored, size // 3, size // 2) == data[size // 3 : size // 2]
    assert await asyncio.to_thread((await blobs.local(stored.blob, tmp_path / "local")).read_bytes) == data


async def test_the_same_bytes_are_stored_once(blobs: ObjectBlobs) -> None:
    first = await put(blobs, b"a picture")

    await asyncio.gather(*(put(blobs, b"a picture") for _ in range(8)))

    assert await names(blobs) == {first}


async def test_all_names_are_listed_over_many_pages(blobs: ObjectBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limner.storage.blobs._LISTED_AT_ONCE", 10)

    stored = set(await asyncio.gather(*(put(blobs, b"picture %d" % number) for number in range(35))))

    assert await names(blobs) == stored


async def test_what_is_deleted_is_gone_and_can_be_put_again(blobs: ObjectBlobs) -> None:
    stored, other = await put(blobs, b"a picture"), await put(blobs, b"another")
    await blobs.put_thumbnail(stored.blob, 96, _webp())

    await blobs.delete([stored.blob, stored.blob])

    with pytest.raises(BlobMissing):
        await blobs.size(stored.blob)
    assert await blobs.thumbnail(stored.blob, 96) is None
    assert await names(blobs) == {other}
    await put(blobs, b"a picture")
    assert await content(blobs, stored) == b"a picture"


async def test_thumbnails_are_kept_beside_and_not_listed(blobs: ObjectBlobs) -> None:
    stored = await put(blobs, b"a picture")

    await blobs.put_thumbnail(stored.blob, 96, _webp())

    assert await blobs.thumbnail(stored.blob, 96) == _webp()
    assert await names(blobs) == {stored}


async def test_a_store_that_works_passes_its_check(blobs: ObjectBlobs) -> None:
    await blobs.check()


async def test_a_container_that_is_missing_fails_the_check(place: Place) -> None:
    if place.kind == "folder":
        pytest.skip("a folder is made when it is missing")
    elsewhere = open_blobs(place.url.replace("pictures", "absent"))

    with pytest.raises(StorageRefuses):
        await put(elsewhere, b"a picture")


async def test_what_is_older_is_reclaimed_alone(blobs: ObjectBlobs) -> None:
    stored = await put(blobs, b"a picture")

    assert await blobs.reclaim(time.time_ns() // 1_000_000 + 60_000) == 0
    assert await names(blobs) == {stored}


async def test_backups_are_read_listed_and_deleted(backups: ObjectBackups, tmp_path: Path) -> None:
    await backups.put(b"a database", "2026/database")
    await backups.put(b"a list", "2026/manifest")

    await backups.fetch("2026/database", tmp_path / "fetched")
    listed = await backups.names()
    await backups.delete(["2026/database"])

    assert await asyncio.to_thread((tmp_path / "fetched").read_bytes) == b"a database"
    assert listed == ["2026/database", "2026/manifest"]
    assert await backups.names() == ["2026/manifest"]
    with pytest.raises(BackupMissing):
        await backups.read("2026/database")


def _webp() -> bytes:
    body = b"WEBPVP8 " + bytes(20)
    return b"RIFF" + len(body).to_bytes(4, "little") + body
